import { setTimeout as wait } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { type Answer, ask, told } from "./ask.ts";
import { CommandEnded } from "./ended.ts";
import { run } from "./run.ts";
import { addSettings, readConfig } from "./settings.ts";
import { type Terminal, unsteered } from "./terminal.ts";

const about = `
For health checks of containers and service managers: give it the settings of the server, on the same machine. It ends
with 1 when the server does not answer, or is not ready.

Examples:
  rollcall health
  rollcall health --port 443 --tls-cert cert.pem --tls-key key.pem
  rollcall health --wait 30
`;

/** How often a server that is not ready is asked again, in milliseconds. */
const againMs = 200;

/** `rollcall health`: whether the server of some settings is ready. */
export function healthCommand(terminal: Terminal): Command {
  return addSettings(
    new Command("health").description("ask the server on this machine whether it is ready"),
    ["host", "port", "tls-cert", "tls-key"],
  )
    .option("--wait <SECONDS>", "how long to wait for it to become ready", seconds, 0)
    .addHelpText("after", about)
    .action(async ({ wait: seconds, ...options }: { wait: number } & Record<string, string>) => {
      const config = readConfig(options, terminal);
      const until = performance.now() + seconds * 1000;
      let answer = await ask(config, "/readyz");
      while (!isReady(answer) && performance.now() < until) {
        await wait(againMs);
        answer = await ask(config, "/readyz");
      }
      if (!isReady(answer)) throw new CommandEnded(`not ready: ${told(answer)}`, 1);
      terminal.print("ready");
    });
}

/** Runs this command alone: it is called every few seconds, and must not load a whole server to ask one. */
export function runHealth(words: readonly string[], outside: Terminal): Promise<number> {
  const terminal = unsteered(outside);
  return run(new Command("rollcall").addCommand(healthCommand(terminal)), words, terminal);
}

function isReady(answer: Answer | string): boolean {
  return typeof answer !== "string" && answer.status === 200;
}

function seconds(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError("It must be a whole number of seconds.");
  return Number(text);
}
