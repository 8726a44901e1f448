import { DomainError } from "../errors.ts";
import type { RunnerPhase } from "./enums.ts";
import { switchesMetricsOff } from "./metrics.ts";
import type { MetricsConfiguration, Runner, RunnerConfiguration, UpdateWindow } from "./runner.ts";

/** A change by presence: an absent key leaves its field as it is, at every level. */
export interface RunnerChange {
  readonly name?: string;
  readonly desiredPhase?: RunnerPhase;
  readonly configuration?: ConfigurationChange;
}

export interface ConfigurationChange {
  readonly releaseChannel?: number;
  readonly autoUpdate?: boolean;
  readonly metrics?: MetricsChange;
  readonly logLevel?: number;
  readonly devcontainerImageCacheEnabled?: boolean;
  /** A window without hours clears the stored one. */
  readonly updateWindow?: UpdateWindow;
  /** Already sealed; `sealedTo` is the public key that it was sealed to. */
  readonly honeycombApiKey?: { readonly sealed: Uint8Array; readonly sealedTo: Uint8Array };
  readonly continuousProfiling?: boolean;
}

export interface MetricsChange {
  readonly enabled?: boolean;
  readonly url?: string;
  readonly username?: string;
  /** Encrypted under the server key; null clears it. */
  readonly password?: Uint8Array | null;
  readonly managedMetricsEnabled?: boolean;
  readonly includeVerboseMetrics?: boolean;
}

const emptyConfiguration: RunnerConfiguration = {
  region: "",
  releaseChannel: 0,
  autoUpdate: false,
  logLevel: 0,
  devcontainerImageCacheEnabled: false,
  encryptedHoneycombApiKey: new Uint8Array(),
  continuousProfiling: false,
};

const emptyMetrics: MetricsConfiguration = {
  enabled: false,
  url: "",
  username: "",
  password: "",
  managedMetricsEnabled: false,
  includeVerboseMetrics: false,
};

/**
 * The runner after a change. Pure, so that a store can run it inside the transaction that read the runner.
 * @param now wall-clock milliseconds, the new `updatedAt`.
 * @throws DomainError `failed_precondition` when the runner is being deleted.
 */
export function applyRunnerChange(runner: Runner, change: RunnerChange, now: number): Runner {
  refuseDeleting(runner);
  const sealedTo = change.configuration?.honeycombApiKey?.sealedTo;
  if (sealedTo !== undefined) refuseKeyChanged(sealedTo, runner);
  const changesSpec = change.desiredPhase !== undefined || change.configuration !== undefined;
  return {
    ...runner,
    name: change.name ?? runner.name,
    updatedAt: now,
    ...(changesSpec && applySpecChange(runner, change, now)),
  };
}

/** @throws DomainError `failed_precondition` when the runner is being deleted */
export function refuseDeleting({ deletionRequestedAt }: Pick<Runner, "deletionRequestedAt">): void {
  if (deletionRequestedAt === null) return;
  throw new DomainError("failed_precondition", "runner is being deleted", { reason: "RUNNER_DELETING" });
}

/**
 * Keeps a secret from being stored that was sealed to a key which the runner has changed since.
 * @throws DomainError `aborted`
 */
export function refuseKeyChanged(sealedTo: Uint8Array, { report }: Pick<Runner, "report">): void {
  if (Buffer.compare(sealedTo, report.publicKey) === 0) return;
  throw new DomainError("aborted", "the runner changed its public key meanwhile; try again", {
    reason: "PUBLIC_KEY_CHANGED",
    retryAfterMs: 0,
  });
}

function applySpecChange(
  runner: Runner,
  change: RunnerChange,
  now: number,
): Pick<Runner, "spec" | "specRevision" | "metricsPassword" | "desiredSince"> {
  const { spec } = runner;
  const desiredPhase = change.desiredPhase ?? spec.desiredPhase;
  const metricsPassword = passwordAfter(runner.metricsPassword, change.configuration?.metrics);
  const configuration =
    change.configuration === undefined
      ? spec.configuration
      : applyConfigurationChange(spec.configuration, change.configuration, metricsPassword !== null);
  return {
    spec: {
      desiredPhase,
      variant: spec.variant,
      ...(configuration && { configuration }),
    },
    specRevision: runner.specRevision + 1,
    metricsPassword,
    desiredSince: desiredPhase === spec.desiredPhase ? runner.desiredSince : now,
  };
}

function applyConfigurationChange(
  stored: RunnerConfiguration = emptyConfiguration,
  change: ConfigurationChange,
  hasPassword: boolean,
): RunnerConfiguration {
  const { metrics: metricsChange, updateWindow: windowChange, honeycombApiKey, ...plain } = change;
  const { metrics: storedMetrics, updateWindow: storedWindow, ...rest } = stored;
  const metrics = metricsChange
    ? applyMetricsChange(storedMetrics, metricsChange, hasPassword)
    : storedMetrics;
  const updateWindow = windowChange ? clearedIfEmpty(windowChange) : storedWindow;
  return {
    ...rest,
    ...plain,
    ...(honeycombApiKey && { encryptedHoneycombApiKey: honeycombApiKey.sealed }),
    ...(metrics && { metrics }),
    ...(updateWindow && { updateWindow }),
  };
}

function applyMetricsChange(
  stored: MetricsConfiguration = emptyMetrics,
  change: MetricsChange,
  hasPassword: boolean,
): MetricsConfiguration | undefined {
  const { password: _, ...plain } = change;
  const metrics = { ...stored, ...plain };
  if (hasPassword) return metrics;
  const saysNothing = switchesMetricsOff(metrics) && !metrics.includeVerboseMetrics;
  return saysNothing || switchesMetricsOff(change) ? undefined : metrics;
}

/** Switching metrics off takes the stored password along; a new one that comes with it is kept. */
function passwordAfter(stored: Uint8Array | null, change: MetricsChange = {}): Uint8Array | null {
  if (change.password !== undefined) return change.password;
  return switchesMetricsOff(change) ? null : stored;
}

function clearedIfEmpty(window: UpdateWindow): UpdateWindow | undefined {
  return window.startHour === undefined && window.endHour === undefined ? undefined : window;
}
