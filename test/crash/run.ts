import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type End, Lives } from "./life.ts";
import { Model } from "./model.ts";
import { randomSource } from "./random.ts";
import { Worker } from "./worker.ts";

// Kills a server under load, again and again, and holds every start and every file to what was acknowledged before.
// Ends with 1 at the first kill that something was lost or left half done by, and keeps the data then.

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
    workers: { type: "string", default: "16" },
    count: { type: "string" },
  },
});
const say = (text: string) => void process.stdout.write(`${text}\n`);
const [kills, seed, workers] = [values.kills, values.seed, values.workers].map(Number) as [
  number,
  number,
  number,
];
say(`${kills} kills, seed ${seed} (it repeats the choices, not the timing)`);

const started = performance.now();
const random = randomSource(seed);
const model = new Model();
const dir = mkdtempSync(join(tmpdir(), "rollcall-crash-"));
const clients = Array.from(
  { length: workers },
  () => new Worker(randomSource(Math.floor(random() * 2 ** 32))),
);
const lives = new Lives(dir, model, clients, random);
const survived: Record<End, number> = { start: 0, load: 0, stop: 0 };
/** One in ten while it starts, one in ten while it stops; the first under load, so that there is something to lose. */
const endOf = (kill: number): End => (kill % 10 === 4 ? "start" : kill % 10 === 9 ? "stop" : "load");

const problems: string[] = [];
for (let kill = 0; kill < kills && problems.length === 0; kill++) {
  const end = endOf(kill);
  problems.push(...(await life(() => lives.kill(end))));
  if (problems.length === 0) survived[end] += 1;
  if ((kill + 1) % 10 === 0) say(`${kill + 1} kills, ${model.acknowledged} changes acknowledged`);
}
if (problems.length === 0) problems.push(...(await life(() => lives.finish())));

const { start, load, stop } = survived;
const { happened, lost } = model.unanswered;
for (const problem of problems.slice(0, 20)) say(`FAIL ${problem}`);
if (problems.length > 20) say(`FAIL … and ${problems.length - 20} more`);
say(`${load} kills under load, ${start} while starting, ${stop} while stopping`);
const kept = problems.length === 0 ? ", all kept" : "";
say(
  `${model.acknowledged} changes acknowledged${kept}; without an answer: ${happened} whole, ${lost} absent`,
);
if (problems.length === 0) rmSync(dir, { recursive: true });
else say(`the data is kept in ${dir} and ${dir}-copy`);
const isIdle = model.acknowledged < kills;
if (isIdle) say("FAIL there was next to no load");
if (values.count !== undefined) {
  writeFileSync(values.count, `${start + load + stop} ${problems.length > 0 || isIdle ? 1 : 0}\n`);
}
say(
  `${start + load + stop} of ${kills} kills survived, ${Math.round((performance.now() - started) / 1000)} s`,
);
process.exitCode = problems.length > 0 || isIdle ? 1 : 0;

/** A wrong answer is a problem like any other. */
async function life(live: () => Promise<string[]>): Promise<string[]> {
  try {
    return await live();
  } catch (error) {
    return [Error.isError(error) ? (error.stack ?? error.message) : String(error)];
  }
}
