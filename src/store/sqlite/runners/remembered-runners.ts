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
 * Runners as the file has them, without reading them again. Each change of a row forgets its runner, whichever statement
 * makes it: triggers of this connection see to that, so that no writer can forget to say so. A change by another
 * process forgets them all.
 */
export class RememberedRunners {
  readonly #client: Database;
  readonly #outsideChanges: () => number;
  readonly #runners = new Recent<Runner>(capacity);
  #outside = 0;

  constructor(client: Database, outsideChanges: () => number) {
    this.#client = client;
    this.#outsideChanges = outsideChanges;
    client.function("forget_runner", (id) => {
      this.#runners.delete(String(id));
      return null;
    });
    for (const change of ["UPDATE", "DELETE"]) {
      client.exec(
        `CREATE TEMP TRIGGER runner_${change} AFTER ${change} ON main.runners BEGIN SELECT forget_runner(old.id); END`,
      );
    }
  }

  find(organizationId: string, id: string): Runner | undefined {
    const runner = this.#runners.get(id);
    if (runner?.organizationId !== organizationId) return undefined;
    const outside = this.#outsideChanges();
    if (outside === this.#outside) return runner;
    this.#outside = outside;
    this.#runners.clear();
    return undefined;
  }

  /**
   * @param runner as it was read in this very turn; nobody may change it from now on
   * @param bytes that it takes in its row
   */
  keep(runner: Runner, bytes: number): Runner {
    // What is read inside of a transaction, one that could not be rolled back perhaps, may never have been.
    if (bytes <= mostBytes && !this.#client.inTransaction) this.#runners.set(runner.id, runner);
    return runner;
  }
}
