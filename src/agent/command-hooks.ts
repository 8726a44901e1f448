import type { JsonValue } from "@bufbuild/protobuf";
import { runShellCommand } from "./command.ts";
import type { AgentHooks } from "./options.ts";

/** The longest that the server waits for an answer, in milliseconds, and the longest answer that it takes. */
const questionMs = 10_000;
const answerBytes = 256 * 1024;

/** The commands of `rollcall agent`, each a line for the shell. */
export interface HookCommands {
  readonly onSpec?: string;
  readonly health?: string;
  readonly onWindDown?: string;
  readonly onQuestion?: string;
  readonly specTimeoutMs: number;
  readonly healthTimeoutMs: number;
}

/** Hooks that run commands. */
export function commandHooks(commands: HookCommands): AgentHooks {
  const { onSpec, health, onWindDown, onQuestion } = commands;
  return {
    ...(onSpec !== undefined && {
      onSpec: async (wanted, signal) => {
        const { runnerId, revision, paused, spec, secrets } = wanted;
        await runShellCommand({
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
      health: async (signal) => {
        await runShellCommand({
          line: health,
          environment: {},
          input: "",
          timeoutMs: commands.healthTimeoutMs,
          signal,
          secrets: [],
        });
      },
    }),
    ...(onWindDown !== undefined && {
      onWindDown: async (remainingMs, signal) => {
        await runShellCommand({
          line: onWindDown,
          environment: { ROLLCALL_WIND_DOWN_SECONDS: String(Math.floor(remainingMs / 1000)) },
          input: "",
          timeoutMs: remainingMs,
          signal,
          secrets: [],
        });
      },
    }),
    ...(onQuestion !== undefined && {
      onQuestion: async (question, signal) => {
        const printed = await runShellCommand({
          line: onQuestion,
          environment: {},
          input: `${JSON.stringify(question)}\n`,
          timeoutMs: questionMs,
          signal,
          secrets: [],
          outputBytes: answerBytes,
        });
        return printed.trim() === "" ? null : (JSON.parse(printed) as JsonValue);
      },
    }),
  };
}
