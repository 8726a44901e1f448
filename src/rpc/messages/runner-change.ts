import type {
  UpdateRunnerRequest,
  UpdateRunnerRequest_MetricsConfiguration,
  UpdateRunnerRequest_RunnerConfiguration,
  UpdateWindow as UpdateWindowMessage,
} from "../../../gen/gitpod/v1/runner_pb.js";
import type { RunnerPhase } from "../../domain/runners/enums.ts";
import type { UpdateWindow } from "../../domain/runners/runner.ts";
import type { ConfigurationChange, MetricsChange, RunnerChange } from "../../domain/runners/update.ts";
import { present } from "./present.ts";

/** How the secrets in a change are hidden before they reach the store. */
export interface SecretHiding {
  /** Encrypts under the server key. */
  sealForServer(plaintext: string): Uint8Array;
  /** Seals to the runner's public key. */
  sealForRunner(plaintext: string): { sealed: Uint8Array; sealedTo: Uint8Array };
}

/** An update request as a change by presence. */
export function runnerChange(request: UpdateRunnerRequest, hide: SecretHiding): RunnerChange {
  const { name, spec } = request;
  return present({
    name,
    desiredPhase: spec?.desiredPhase as RunnerPhase | undefined,
    configuration: spec?.configuration && configurationChange(spec.configuration, hide),
  });
}

function configurationChange(
  sent: UpdateRunnerRequest_RunnerConfiguration,
  hide: SecretHiding,
): ConfigurationChange {
  return present({
    releaseChannel: sent.releaseChannel,
    autoUpdate: sent.autoUpdate,
    metrics: sent.metrics && metricsChange(sent.metrics, hide),
    logLevel: sent.logLevel,
    devcontainerImageCacheEnabled: sent.devcontainerImageCacheEnabled,
    updateWindow: sent.updateWindow && updateWindow(sent.updateWindow),
    honeycombApiKey:
      sent.honeycombApiKey === undefined ? undefined : hide.sealForRunner(sent.honeycombApiKey),
    continuousProfiling: sent.continuousProfiling,
  });
}

function metricsChange(
  { password, ...sent }: UpdateRunnerRequest_MetricsConfiguration,
  hide: SecretHiding,
): MetricsChange {
  return present({
    enabled: sent.enabled,
    url: sent.url,
    username: sent.username,
    password: password === undefined ? undefined : password === "" ? null : hide.sealForServer(password),
    managedMetricsEnabled: sent.managedMetricsEnabled,
    includeVerboseMetrics: sent.includeVerboseMetrics,
  });
}

function updateWindow(sent: UpdateWindowMessage): UpdateWindow {
  return present({ startHour: sent.startHour, endHour: sent.endHour });
}
