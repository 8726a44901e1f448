import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import vm from "node:vm";
import { TestEnvironment } from "jest-environment-node";
import { Started } from "./started.ts";

const started = new Started();

/**
 * Where each test file runs. What a test starts ends with it, and what a file starts or keeps in `tmpdir()` is gone when it
 * is done, whether its tests passed, failed or ran out of time: see `Started`.
 */
export default class Environment extends TestEnvironment {
  readonly #outerTmpdir: string | undefined;
  readonly #folder: string;

  constructor(...parameters: ConstructorParameters<typeof TestEnvironment>) {
    const outerTmpdir = process.env.TMPDIR;
    const folder = mkdtempSync(join(tmpdir(), "rollcall-"));
    process.env.TMPDIR = folder;
    const { createContext } = vm;
    // Jest's own global object is a Proxy behind interceptors, which makes `Object` or `Symbol` a slow word: of the time that
    // a test server takes to start it was half.
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
    try {
      super(...parameters);
    } finally {
      vm.createContext = createContext;
    }
    this.#outerTmpdir = outerTmpdir;
    this.#folder = folder;
  }

  /** Called by the runner. A test begins before its beforeEach() and is done after its afterEach(). */
  async handleTestEvent({ name }: { readonly name: string }): Promise<void> {
    if (name === "test_start") started.beginTest();
    if (name === "test_done") await started.endTest();
  }

  override async teardown(): Promise<void> {
    await started.endAll();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
    if (this.#outerTmpdir === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = this.#outerTmpdir;
    await super.teardown();
  }
}
