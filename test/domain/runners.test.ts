import { describe, expect, test } from "vitest";
import { DomainError } from "../../src/domain/errors.ts";
import { RunnerKind, RunnerPhase, RunnerProvider } from "../../src/domain/runners/enums.ts";
import type { MetricsConfiguration, RunnerConfiguration } from "../../src/domain/runners/runner.ts";
import { applyRunnerChange, type RunnerChange } from "../../src/domain/runners/update.ts";
import { runnerOf } from "../support/records.ts";

const noMetrics: MetricsConfiguration = {
  enabled: false,
  url: "",
  username: "",
  password: "",
  managedMetricsEnabled: false,
  includeVerboseMetrics: false,
};
const plain: RunnerConfiguration = {
  region: "eu",
  releaseChannel: 1,
  autoUpdate: true,
  logLevel: 2,
  devcontainerImageCacheEnabled: true,
  encryptedHoneycombApiKey: new Uint8Array(),
  continuousProfiling: true,
};
const withConfiguration = (configuration: Partial<RunnerConfiguration>) =>
  runnerOf("org", {
    spec: { desiredPhase: RunnerPhase.ACTIVE, variant: 0, configuration: { ...plain, ...configuration } },
  });
const changed = (change: RunnerChange, configuration: Partial<RunnerConfiguration> = {}) =>
  applyRunnerChange(withConfiguration(configuration), change, 9);

function errorOf(work: () => unknown): DomainError {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a new runner", () => {
  test("has no more in its spec than was sent", () => {
    expect(runnerOf("org").spec).toEqual({ desiredPhase: RunnerPhase.ACTIVE, variant: 0 });
    expect(withConfiguration({}).spec.configuration).toEqual(plain);
    const updateWindow = { startHour: 23 };
    expect(withConfiguration({ updateWindow }).spec.configuration?.updateWindow).toEqual(updateWindow);
  });

  test("keeps its metrics password sealed and nowhere else", () => {
    const runner = withConfiguration({ metrics: { ...noMetrics, url: "u", password: "hunter2" } });
    expect(runner.spec.configuration?.metrics).toEqual({ ...noMetrics, url: "u" });
    expect(Buffer.from(runner.metricsPassword ?? []).toString()).toBe("sealed hunter2");
    expect(JSON.stringify(runner.spec)).not.toContain("hunter2");
  });

  test("has no metrics when they say nothing", () => {
    for (const includeVerboseMetrics of [false, true]) {
      const runner = withConfiguration({ metrics: { ...noMetrics, includeVerboseMetrics } });
      expect(runner.spec.configuration).toEqual(plain);
      expect(runner.metricsPassword).toBeNull();
    }
  });

  test("is never of the server's own kind, and carries nothing sealed to a key that it has not made", () => {
    expect(errorOf(() => runnerOf("org", { kind: RunnerKind.LOCAL_CONFIGURATION }))).toMatchObject({
      kind: "failed_precondition",
      reason: "LOCAL_CONFIGURATION_IS_SERVER_MADE",
    });
    expect(errorOf(() => withConfiguration({ encryptedHoneycombApiKey: Buffer.of(1) }))).toMatchObject({
      kind: "failed_precondition",
      message: "runner does not have a public key",
    });
  });

  test.each([
    [RunnerProvider.AWS_EC2, RunnerKind.REMOTE],
    [RunnerProvider.GCP, RunnerKind.REMOTE],
    [RunnerProvider.MANAGED, RunnerKind.REMOTE],
    [RunnerProvider.DEV_AGENT, RunnerKind.REMOTE],
    [RunnerProvider.LINUX_HOST, RunnerKind.LOCAL],
    [RunnerProvider.DESKTOP_MAC, RunnerKind.LOCAL],
  ])("of provider %i is of kind %i", (provider, kind) => {
    expect(runnerOf("org", { provider }).kind).toBe(kind);
  });
});

describe("a change", () => {
  test("of the name leaves the spec and its revision", () => {
    const runner = withConfiguration({});
    const renamed = applyRunnerChange(runner, { name: "new" }, 9);
    expect(renamed).toEqual({ ...runner, name: "new", updatedAt: 9 });
    expect(applyRunnerChange(runner, {}, 9)).toEqual({ ...runner, updatedAt: 9 });
  });

  test("of the spec counts, and leaves the runner that it was given as it was", () => {
    const runner = withConfiguration({});
    const copy = structuredClone(runner);
    const after = applyRunnerChange(runner, { configuration: { logLevel: 4 } }, 9);
    expect(after.spec.configuration).toEqual({ ...plain, logLevel: 4 });
    expect(after.specRevision).toBe(runner.specRevision + 1);
    expect(runner).toEqual(copy);
  });

  test("of the wanted phase remembers since when, other changes do not touch that", () => {
    const paused = changed({ desiredPhase: RunnerPhase.INACTIVE });
    expect(paused.desiredSince).toBe(9);
    expect(applyRunnerChange(paused, { desiredPhase: RunnerPhase.INACTIVE }, 20).desiredSince).toBe(9);
    expect(applyRunnerChange(paused, { configuration: {} }, 20).desiredSince).toBe(9);
    expect(applyRunnerChange(paused, { desiredPhase: RunnerPhase.ACTIVE }, 20).desiredSince).toBe(20);
  });

  test("of a runner without a configuration makes one", () => {
    const made = applyRunnerChange(runnerOf("org"), { configuration: { autoUpdate: true } }, 9);
    expect(made.spec.configuration).toMatchObject({ autoUpdate: true, region: "", logLevel: 0 });
    expect(made.spec.configuration).not.toHaveProperty("metrics");
    expect(made.spec.configuration).not.toHaveProperty("updateWindow");
  });

  test("sets the update window as it was sent; an empty one clears it", () => {
    const stored = { updateWindow: { startHour: 1, endHour: 5 } };
    const windowAfter = (updateWindow: object) =>
      changed({ configuration: { updateWindow } }, stored).spec.configuration;
    expect(windowAfter({ startHour: 22 })?.updateWindow).toEqual({ startHour: 22 });
    expect(windowAfter({ startHour: 23, endHour: 1 })?.updateWindow).toEqual({ startHour: 23, endHour: 1 });
    expect(windowAfter({})).not.toHaveProperty("updateWindow");
    expect(changed({ configuration: {} }, stored).spec.configuration).toMatchObject(stored);
  });

  test("that switches metrics off unsets them, the stored password and verbosity with them", () => {
    const metrics = { ...noMetrics, enabled: true, url: "u", password: "p", includeVerboseMetrics: true };
    const off = { enabled: false, url: "", username: "", managedMetricsEnabled: false };
    for (const change of [off, { ...off, password: null }, { ...off, includeVerboseMetrics: true }]) {
      const after = changed({ configuration: { metrics: change } }, { metrics });
      expect(after.spec.configuration).toEqual(plain);
      expect(after.metricsPassword).toBeNull();
    }
  });

  test("that leaves a part of the metrics unsaid keeps it, and a password sent along is kept", () => {
    const metrics = { ...noMetrics, enabled: true, password: "p", includeVerboseMetrics: true };
    const part = changed({ configuration: { metrics: { enabled: false } } }, { metrics });
    expect(part.spec.configuration?.metrics).toEqual({ ...noMetrics, includeVerboseMetrics: true });
    expect(part.metricsPassword).not.toBeNull();
    const off = { enabled: false, url: "", username: "", managedMetricsEnabled: false };
    const next = changed({ configuration: { metrics: { ...off, password: Buffer.of(7) } } }, { metrics });
    expect(next.spec.configuration).toHaveProperty("metrics");
    expect(next.metricsPassword).toEqual(Buffer.of(7));
  });

  test("is refused while the runner is being deleted", () => {
    const runner = { ...runnerOf("org"), deletionRequestedAt: 5 };
    expect(errorOf(() => applyRunnerChange(runner, { name: "late" }, 9))).toMatchObject({
      kind: "failed_precondition",
      reason: "RUNNER_DELETING",
    });
  });

  test("sealed to a key that the runner has replaced is refused", () => {
    const runner = runnerOf("org");
    const publicKey = new Uint8Array(32).fill(1);
    const keyed = { ...runner, report: { ...runner.report, publicKey } };
    const sealedTo = (key: Uint8Array) => ({
      configuration: { honeycombApiKey: { sealed: Buffer.of(1, 2), sealedTo: key } },
    });
    expect(errorOf(() => applyRunnerChange(keyed, sealedTo(new Uint8Array(32).fill(2)), 9))).toMatchObject({
      kind: "aborted",
      reason: "PUBLIC_KEY_CHANGED",
    });
    const { spec } = applyRunnerChange(keyed, sealedTo(publicKey), 9);
    expect(Buffer.from(spec.configuration?.encryptedHoneycombApiKey ?? [])).toEqual(Buffer.of(1, 2));
  });
});
