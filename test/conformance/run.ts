import { writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installSuite, runSuite, version } from "./suite.ts";

// Runs Connect's official conformance suite against the stack that `rollcall serve` is made of. Ends with 1 when a
// case failed, or none was run. What follows two dashes goes to the runner: `-- --run "**/unexpected-verb" --trace`.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cache: { type: "string", default: join(cacheFolder(), "rollcall-conformance") },
    count: { type: "string" },
  },
});
const say = (text: string) => void process.stdout.write(text);

const suite = installSuite(values.cache);
const started = performance.now();
const { passed, failed } = await runSuite(suite, positionals, say);
const seconds = Math.round((performance.now() - started) / 1000);
if (values.count !== undefined) writeFileSync(values.count, `${passed} ${failed}\n`);
say(`conformance ${version}: ${passed} cases passed, ${failed} failed, ${seconds} s\n`);
process.exitCode = failed > 0 ? 1 : 0;

/** Where this system keeps what can be made again. */
function cacheFolder(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (process.platform === "win32" && LOCALAPPDATA !== undefined) return LOCALAPPDATA;
  if (process.platform === "darwin") return join(homedir(), "Library/Caches");
  return XDG_CACHE_HOME || join(homedir(), ".cache");
}
