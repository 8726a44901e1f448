import { Command } from "commander";
import { packageVersion } from "../lib/version.ts";
import { run } from "./run.ts";
import { type Terminal, unsteered } from "./terminal.ts";

type LoadCommand = () => Promise<(terminal: Terminal) => Command>;

/** In the order of the help. Each is loaded when it is called: most need a part of the program alone. */
const commands: Readonly<Record<string, LoadCommand>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  agent: async () => (await import("./agent.ts")).agentCommand,
  token: async () => (await import("./token.ts")).tokenCommand,
  admin: async () => (await import("./admin.ts")).adminCommand,
  audit: async () => (await import("./audit.ts")).auditCommand,
  stale: async () => (await import("./stale.ts")).staleCommand,
  backup: async () => (await import("./backup.ts")).backupCommand,
  restore: async () => (await import("./restore.ts")).restoreCommand,
  check: async () => (await import("./check.ts")).checkCommand,
  "server-key": async () => (await import("./server-key.ts")).serverKeyCommand,
  config: async () => (await import("./config.ts")).configCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
  health: async () => (await import("./health.ts")).healthCommand,
  completion: async () => (await import("./completion.ts")).completionCommand,
};

/** Which commands a line is about: all, unless it begins with the name of one that knows itself alone, or asks for the version. */
function commandsOf(words: readonly string[]): LoadCommand[] {
  const [first = ""] = words;
  if (first === "--version") return [];
  const called = Object.hasOwn(commands, first) && first !== "completion" ? commands[first] : undefined;
  return called === undefined ? Object.values(commands) : [called];
}

/** Runs a command line and resolves to its exit code: see {@link run}. */
export async function runCommand(words: readonly string[], outside: Terminal): Promise<number> {
  const terminal = unsteered(outside);
  const program = new Command("rollcall")
    .description("Self-hosted control plane for runners, speaking the gitpod.v1 API.")
    .version(packageVersion(), "--version", "print the version")
    .addHelpText("after", "\nExample:\n  rollcall serve --port 7655 --data-dir ./data\n");
  for (const load of commandsOf(words)) program.addCommand((await load())(terminal));
  return run(program, words, terminal);
}
