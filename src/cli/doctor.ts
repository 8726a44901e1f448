import { Command, Option } from "commander";
import { type Clock, systemClock } from "../lib/clock.ts";
import { printableJson } from "../lib/printable.ts";
import { databaseFile, inMemory } from "../start/data-dir.ts";
import { storeFiles } from "../start/open-store.ts";
import { clock } from "./doctor/clock.ts";
import { backups, database } from "./doctor/database.ts";
import { disk } from "./doctor/disk.ts";
import { files } from "./doctor/files.ts";
import { type Finding, fail, type Patient } from "./doctor/finding.ts";
import { memory, openFiles, runtime } from "./doctor/machine.ts";
import { port, server } from "./doctor/network.ts";
import { tls } from "./doctor/tls.ts";
import { CommandEnded } from "./ended.ts";
import { addSettings, outputOption, readConfig } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** What is looked at, in this order. */
const checks: Readonly<
  Record<string, (patient: Patient) => readonly Finding[] | Promise<readonly Finding[]>>
> = {
  runtime,
  memory,
  "open-files": openFiles,
  files,
  disk,
  clock,
  tls,
  port,
  server,
  database,
  backups,
};

const about = `
Give it the settings of the server, and run it as the server's user. It prints a line for each thing that it looked
at: "ok", "warn" or "fail", and what to do. It ends with 1 when something fails.

It changes nothing, beside a server or without one. To see whether the disk takes a write it writes one small file
into the data folder, and removes it. The database is read whole; leave that out with --only when it is large.

Examples:
  rollcall doctor
  rollcall doctor --data-dir /var/lib/rollcall --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  rollcall doctor --only server
  rollcall doctor --backups /var/backups/rollcall --output json
`;

/** `rollcall doctor`: what is wrong here, or soon will be, and what to do about it. */
export function doctorCommand(terminal: Terminal, time: Pick<Clock, "now"> = systemClock): Command {
  return addSettings(
    new Command("doctor").description("find out what is wrong here, and what to do about it"),
  )
    .addOption(new Option("--only <CHECK...>", "look at these alone").choices(Object.keys(checks)))
    .option("--backups <DIR>", "folder that backups are kept in, to look at the age of the newest")
    .addOption(outputOption())
    .addHelpText("after", about)
    .action(async ({ only, ...options }: Record<string, string> & { only?: string[] }) => {
      const found = await examine(patientOf(options, terminal, time), only ?? Object.keys(checks));
      if (options.output === "json") terminal.print(printableJson(found));
      else for (const finding of found) terminal.print(line(finding));
      const failed = found.filter(({ level }) => level === "fail").length;
      if (failed > 0) {
        throw new CommandEnded(failed === 1 ? "1 check fails" : `${failed} checks fail`, 1);
      }
    });
}

/** As `--output json` prints it. */
export interface NamedFinding extends Finding {
  readonly check: string;
}

async function examine(patient: Patient, names: readonly string[]): Promise<NamedFinding[]> {
  const found: NamedFinding[] = [];
  for (const [check, look] of Object.entries(checks)) {
    if (!names.includes(check)) continue;
    for (const finding of await orFailure(async () => look(patient))) found.push({ check, ...finding });
  }
  return found;
}

/** What could not be looked at is wrong, too. */
async function orFailure(look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [fail(Error.isError(error) ? error.message : String(error), "mend that, then look again")];
  }
}

function patientOf(options: Record<string, string>, terminal: Terminal, time: Pick<Clock, "now">): Patient {
  const config = readConfig(options, terminal);
  const database = config.dataDir === inMemory ? null : databaseFile(config.dataDir);
  return {
    config,
    database,
    served: database !== null && storeFiles.inUse(database),
    nowMs: time.now(),
    backups: options.backups ?? null,
  };
}

function line({ level, check, found, remedy }: NamedFinding): string {
  return `${level.padEnd(4)}  ${check.padEnd(10)}  ${found}${remedy === null ? "" : `: ${remedy}`}`;
}
