import type { Database } from "better-sqlite3";
import type { Runner } from "../../../domain/runners/runner.ts";
import { Recent } from "../../../lib/recent.ts";

/**
 * Runners of one generation of memory; there are two. With the answer that is made of it and its encodings, a usual runner
 * takes some 5 KiB.
 */
const capacity = 10_000;

/** Runners that report more than this in their row, in bytes, are read each time: they are few, and memory has to end somewhere. */
const mostBytes = 2_048;

/**
 * Runners as the file has them, without reading them again. The thread that writes says which rows a commit has changed
 * ({@link noteRunnerChanges}), and these are forgotten before the write resolves.
 */
export class RememberedRunners {
  readonly #runners = new Recent<Runner>(capacity);

  find(organizationId: string, id: string): Runner | undefined {
    const runner = this.#runners.get(id);
    return runner?.organizationId === organizationId ? runner : undefined;
  }

  /**
   * @param runner as it was read in this very turn; nothing may change it from now on
   * @param bytes that it takes in its row
   */
  keep(runner: Runner, bytes: number): Runner {
    if (bytes <= mostBytes) this.#runners.set(runner.id, runner);
    return runner;
  }

  forget(id: string): void {
    this.#runners.delete(id);
  }
}

/**
 * Tells of each runner whose row a connection changes or removes, whichever statement does it: triggers of the connection see
 * to that, so that no writer can forget to say so. What is rolled back afterwards is told as well.
 */
export function noteRunnerChanges(client: Database, tell: (id: string) => void): void {
  client.function("note_runner", (id) => {
    tell(String(id));
    return null;
  });
  for (const change of ["UPDATE", "DELETE"]) {
    client.exec(
      `CREATE TEMP TRIGGER runner_${change} AFTER ${change} ON main.runners BEGIN SELECT note_runner(old.id); END`,
    );
  }
}
