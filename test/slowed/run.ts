import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SlowGroup } from "./slow-group.ts";

// Runs the tests on a machine that is slow, or whose processes die: `npm run test:slowed -- --percent 25 test/rpc`, `… --kill 10`.
// What is to be green is what passes at any speed; with processes that die, tests may fail, but the run has to end by itself.
// Either way it may leave no process and no file behind.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** How much of one core everything together gets; 0 does not slow it. */
    percent: { type: "string", default: "0" },
    /** Of 100 processes that tests start, how many are killed at some moment of their first seconds. */
    kill: { type: "string", default: "0" },
    rounds: { type: "string", default: "1" },
  },
});
const [percent, kill, rounds] = [Number(values.percent), Number(values.kill), Number(values.rounds)];
const say = (text: string) => void process.stdout.write(`${text}\n`);
let wrong = 0;

for (let round = 1; round <= rounds; round += 1) {
  const folder = mkdtempSync(join(tmpdir(), "rollcall-slowed-"));
  using group = percent > 0 ? new SlowGroup(percent) : null;
  const startedAt = performance.now();
  const vitest = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", "--project", "tests", ...positionals],
    { stdio: "inherit", env: { ...process.env, TMPDIR: folder, ROLLCALL_TEST_KILL_PERCENT: values.kill } },
  );
  group?.take(vitest.pid);
  const [code] = await once(vitest, "exit");
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const processes = processesWith(folder);
  const files = readdirSync(folder).filter((name) => name.startsWith("rollcall-"));
  say(
    `round ${round}: exit code ${code}, ${seconds} s, left behind: ${processes.length} processes, ${files.length} folders`,
  );
  for (const line of [...processes, ...files]) say(`  ${line}`);
  // With processes that die, tests fail as a rule: code 1 is as good as 0. A signal or a crash of the runner is not.
  const ended = kill > 0 ? code === 0 || code === 1 : code === 0;
  if (!ended || processes.length + files.length > 0) wrong += 1;
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = wrong === 0 ? 0 : 1;

/** Processes that were started with this folder as their own for temporary files: all that a run starts are. */
function processesWith(folder: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder)) return [];
      return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")}`];
    } catch {
      // No process, another user's, or one that has ended by now.
      return [];
    }
  });
}
