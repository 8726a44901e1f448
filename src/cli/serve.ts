import { join } from "node:path";
import { Command } from "commander";
import type { Config } from "../config/config.ts";
import type { RunningServer } from "../server.ts";
import { inMemory } from "../start/data-dir.ts";
import { createLog } from "../telemetry/logger.ts";
import { processMetrics } from "../telemetry/process-metrics.ts";
import { CommandEnded } from "./ended.ts";
import { addSettings, readSettings } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

const examples = `
The first start makes an organisation with one admin, whose token is in the file admin-token of the data folder, which
only you can read; a terminal shows it once, too. ROLLCALL_ADMIN_TOKEN sets that token instead; another value at a later
start replaces it.

When it is ready, the server prints one line on standard output: listening on http://HOST:PORT
Logs go to standard error. SIGTERM and SIGINT stop it: running calls finish first. Renewed certificate files are taken
up within seconds, and at once after SIGHUP (in a terminal, SIGHUP stops the server); open connections stay.

Examples:
  rollcall serve
  rollcall serve --config /etc/rollcall/rollcall.toml
  rollcall serve --host 0.0.0.0 --port 443 --tls-cert cert.pem --tls-key key.pem
  ROLLCALL_ADMIN_TOKEN=change-me-soon rollcall serve --port 0 --data-dir "$(mktemp -d)"
`;

/** `rollcall serve`: runs until it is told to stop. */
export function serveCommand(terminal: Terminal): Command {
  return addSettings(
    new Command("serve").description("run the server").addHelpText("after", examples),
  ).action(async (options: Record<string, string>) => {
    const { config, warnings } = readSettings(options, terminal);
    const stop = terminal.stopRequested();
    const log = createLog(config.logLevel, terminal.isTerminal, terminal.errorOutput);
    for (const told of warnings) log.warn(told);
    let server: RunningServer | undefined;
    // Listened to from the beginning: without a listener the signal would end the process.
    terminal.onReloadRequested(() => void server?.reload());
    // Loaded only here: it is more than half of what a command would take to start.
    const { startServer } = await import("../server.ts");
    server = await startServer(config, { log, processMetrics: processMetrics(terminal.errorOutput) });
    if (server.adminToken !== null) {
      terminal.warn(`admin token${whereToken(server.adminToken, config, terminal)}`);
    }
    // Scripts wait for that line, and then read in the log what came before it.
    await terminal.errorOutput.flush(1_000);
    terminal.print(`listening on ${server.url}`);
    const signal = await Promise.race([stop, server.failed]);
    const failure = Error.isError(signal) ? signal : null;
    log.info(failure === null ? { signal } : { err: failure }, "stopping");
    await server.close();
    if (failure !== null) {
      throw new CommandEnded(`rollcall: ${failure.message}; start the server again`, 1);
    }
  });
}

/** Only a terminal is shown a secret: all else that reads standard error, such as a journal, keeps what it reads. */
function whereToken(token: string, { dataDir }: Config, { isTerminal }: Terminal): string {
  if (isTerminal) return ` (shown this once): ${token}`;
  if (dataDir !== inMemory) return `: in the file ${join(dataDir, "admin-token")}`;
  return ": made, and kept nowhere; to have one that you know, set ROLLCALL_ADMIN_TOKEN";
}
