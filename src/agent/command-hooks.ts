import { runShellCommand } from "./command.ts";
import type { AgentHooks } from "./options.ts";

/** The commands of `rollcall agent`, each a line for the shell. */
export interface HookCommands {
  readonly onSpec?: string;
  readonly health?: string;
  readonly onWindDown?: string;
  readonly specTimeoutMs: number;
  readonly healthTimeoutMs: number;
}

/** Hooks that run commands. */
export function commandHooks(commands: HookCommands): AgentHooks {
  const { onSpec, health, onWindDown } = commands;
  return {
    ...(onSpec !== undefined && {
      onSpec: (wanted, signal) => {
        const { runnerId, revision, paused, spec, secrets } = wanted;
        return runShellCommand({
          line: onSpec,
          environment: {
            ROLLCALL_RUNNER_ID: runnerId,
            ROLLCALL_SPEC_REVISION: String(revision),
            ROLLCALL_PAUSED: String(paused),
          },
          input: `${JSON.stringify({ runnerId, revision, paused, spec })}\n`,
          timeoutMs: commands.specTimeoutMs,
          signal,
          secrets,
        });
      },
    }),
    ...(health !== undefined && {
      health: (signal) =>
        runShellCommand({
          line: health,
          environment: {},
          input: "",
          timeoutMs: commands.healthTimeoutMs,
          signal,
          secrets: [],
        }),
    }),
    ...(onWindDown !== undefined && {
      onWindDown: (remainingMs, signal) =>
        runShellCommand({
          line: onWindDown,
          environment: { ROLLCALL_WIND_DOWN_SECONDS: String(Math.floor(remainingMs / 1000)) },
          input: "",
          timeoutMs: remainingMs,
          signal,
          secrets: [],
        }),
    }),
  };
}
