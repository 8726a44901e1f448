import { type Command, CommanderError } from "commander";
import { ConfigError } from "../config/config.ts";
import { DomainError } from "../domain/errors.ts";
import { StoreRefusedError } from "../store/store.ts";
import { CommandEnded } from "./ended.ts";
import type { Terminal } from "./terminal.ts";

/** Runs a program and resolves to the exit code: 0 done, 1 failed, 2 wrong words or settings, a command's own ones. */
export async function run(program: Command, words: readonly string[], terminal: Terminal): Promise<number> {
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
    if (error instanceof CommandEnded) {
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
