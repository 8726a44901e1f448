import { machine } from "./fleet/proc.ts";
import { ServerProcess } from "./fleet/server-process.ts";
import { coldStart } from "./store/cold-start.ts";
import { createRate } from "./store/create-rate.ts";
import { fill } from "./store/fill.ts";
import { listPages } from "./store/list-pages.ts";

// What the store costs, seen from a client: durable creates, lists of 100,000 runners, a cold start on them.
const token = "bench-admin-token";
const runners = Number(process.argv[2] ?? 100_000);
const print = (text: string) => void process.stdout.write(`${text}\n`);

print(`${new Date().toISOString()} on ${machine()}; medians of several runs`);
print("\ndurable creates");
for (const line of await createRate(token)) print(`  ${line}`);
const empty = await coldStart(token, null);
print(`\ncold start on an empty folder: ${empty.toFixed(0)} ms`);
const server = new ServerProcess({ token });
try {
  await server.start();
  await fill(server.url, token, runners);
  print(`\nlist of ${runners} runners`);
  for (const line of await listPages(server.url, token, runners)) print(`  ${line}`);
  await server.signal("SIGTERM");
  const full = await coldStart(token, server.dataDir);
  print(`\ncold start on ${runners} runners: ${full.toFixed(0)} ms, ${(full / empty).toFixed(2)} × empty`);
} finally {
  await server.stop();
}
