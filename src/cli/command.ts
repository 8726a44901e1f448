import { Command } from "commander";
import { packageVersion } from "../lib/version.ts";
import { adminCommand } from "./admin.ts";
import { agentCommand } from "./agent.ts";
import { auditCommand } from "./audit.ts";
import { backupCommand } from "./backup.ts";
import { checkCommand } from "./check.ts";
import { completionCommand } from "./completion.ts";
import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { healthCommand } from "./health.ts";
import { restoreCommand } from "./restore.ts";
import { run } from "./run.ts";
import { serveCommand } from "./serve.ts";
import { serverKeyCommand } from "./server-key.ts";
import { staleCommand } from "./stale.ts";
import { type Terminal, unsteered } from "./terminal.ts";
import { tokenCommand } from "./token.ts";

/** Runs a command line and resolves to its exit code: see {@link run}. */
export async function runCommand(words: readonly string[], outside: Terminal): Promise<number> {
  const terminal = unsteered(outside);
  const program = new Command("rollcall")
    .description("Self-hosted control plane for runners, speaking the gitpod.v1 API.")
    .version(packageVersion(), "--version", "print the version")
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
    .addCommand(doctorCommand(terminal))
    .addCommand(healthCommand(terminal))
    .addCommand(completionCommand(terminal))
    .addHelpText("after", "\nExample:\n  rollcall serve --port 7655 --data-dir ./data\n");
  return run(program, words, terminal);
}
