import { Command, CommanderError } from "commander";
import { ConfigError } from "../config.ts";
import { DomainError } from "../domain/errors.ts";
import { StoreRefusedError } from "../store/store.ts";
import { adminCommand } from "./admin.ts";
import { AgentEnded, agentCommand } from "./agent.ts";
import { auditCommand } from "./audit.ts";
import { backupCommand } from "./backup.ts";
import { checkCommand } from "./check.ts";
import { configCommand } from "./config.ts";
import { restoreCommand } from "./restore.ts";
import { serveCommand } from "./serve.ts";
import { serverKeyCommand } from "./server-key.ts";
import { staleCommand } from "./stale.ts";
import type { Terminal } from "./terminal.ts";
import { tokenCommand } from "./token.ts";

/** Runs a command line and resolves to the exit code: 0 done, 1 failed, 2 wrong words or settings, an agent's own ones. */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command("rollcall")
    .description("Self-hosted control plane for runners, speaking the gitpod.v1 API.")
    .addCommand(serveCommand(terminal))
    .addCommand(agentCommand(terminal))
    .addCommand(tokenCommand(terminal))
    .addCommand(adminCommand(terminal))
    .addCommand(auditCommand(terminal))
    .addCommand(staleCommand(terminal))
    .addCommand(backupCommand(terminal))
    .addCommand(restoreCommand(terminal))
    .addCommand(checkCommand(terminal))
    .addCommand(serverKeyCommand(terminal))
    .addCommand(configCommand(terminal))
    .addHelpText("after", "\nExample:\n  rollcall serve --port 7655 --data-dir ./data\n");
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.warn(text.trimEnd()),
    });
  }
  try {
    await program.parseAsync(words, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof ConfigError) {
      terminal.warn(error.message);
      return 2;
    }
    if (error instanceof AgentEnded) {
      terminal.warn(error.message);
      return error.exitCode;
    }
    terminal.warn(`rollcall: ${messageOf(error)}`);
    return 1;
  }
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function messageOf(error: unknown): string {
  const expected =
    error instanceof DomainError ||
    error instanceof StoreRefusedError ||
    (Error.isError(error) && "code" in error);
  if (expected) return error.message;
  return Error.isError(error) ? (error.stack ?? error.message) : String(error);
}
