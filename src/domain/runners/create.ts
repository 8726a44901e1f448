import type { Subject } from "../access/principal.ts";
import { DomainError } from "../errors.ts";
import { LeaseState } from "../leases/lease.ts";
import { RunnerKind, RunnerPhase, RunnerProvider } from "./enums.ts";
import { hideMetricsPassword } from "./metrics.ts";
import { emptyReport } from "./report.ts";
import type { Runner, RunnerSpec } from "./runner.ts";

/** What a caller asks for. The contract's field rules have been checked: exactly one of kind and provider is set. */
export interface RunnerRequest {
  readonly name: string;
  readonly kind: RunnerKind;
  readonly provider: RunnerProvider;
  readonly managerId: string | null;
  readonly spec: RunnerSpec | undefined;
}

export interface RunnerMaking {
  readonly id: string;
  readonly organizationId: string;
  readonly creator: Subject;
  /** Wall-clock milliseconds. */
  readonly now: number;
  /** Encrypts a secret under the server key. */
  readonly seal: (plaintext: string) => Uint8Array;
}

/**
 * The record of a new runner.
 * @throws DomainError `failed_precondition` for the kind that only the server makes, and for a sealed secret,
 *   since nothing can have been sealed to a key that the runner has not made yet.
 */
export function draftRunner(request: RunnerRequest, making: RunnerMaking): Runner {
  if (request.kind === RunnerKind.LOCAL_CONFIGURATION) {
    throw new DomainError(
      "failed_precondition",
      "kind: the server makes the one LOCAL_CONFIGURATION runner of an organisation itself",
      { reason: "LOCAL_CONFIGURATION_IS_SERVER_MADE" },
    );
  }
  if (request.spec?.configuration?.encryptedHoneycombApiKey.length) {
    throw new DomainError("failed_precondition", "runner does not have a public key", {
      reason: "NO_PUBLIC_KEY",
    });
  }
  const wanted = request.spec ?? { desiredPhase: RunnerPhase.UNSPECIFIED, variant: 0 };
  const { spec, password } = hideMetricsPassword(wanted);
  return {
    id: making.id,
    organizationId: making.organizationId,
    name: request.name,
    kind: request.kind === RunnerKind.UNSPECIFIED ? kindOf(request.provider) : request.kind,
    provider: request.provider,
    managerId: request.managerId,
    creator: making.creator,
    createdAt: making.now,
    updatedAt: making.now,
    spec: {
      ...spec,
      desiredPhase: spec.desiredPhase === RunnerPhase.UNSPECIFIED ? RunnerPhase.ACTIVE : spec.desiredPhase,
    },
    metricsPassword: password === "" ? null : making.seal(password),
    ...freshRunner,
  };
}

/** Runners on the operator's own machines are LOCAL, all others REMOTE. */
function kindOf(provider: RunnerProvider): RunnerKind {
  switch (provider) {
    case RunnerProvider.LINUX_HOST:
    case RunnerProvider.DESKTOP_MAC:
      return RunnerKind.LOCAL;
    case RunnerProvider.AWS_EC2:
    case RunnerProvider.GCP:
    case RunnerProvider.MANAGED:
    case RunnerProvider.DEV_AGENT:
      return RunnerKind.REMOTE;
    case RunnerProvider.UNSPECIFIED:
      return RunnerKind.UNSPECIFIED;
    default:
      return provider satisfies never;
  }
}

/** What every runner starts with: no report, no lease, no request for its deletion. */
export const freshRunner = {
  specRevision: 1,
  pauseNote: "",
  configurationRevision: 0,
  desiredSince: null,
  deletionRequestedAt: null,
  report: emptyReport,
  reportedAt: null,
  lease: {
    state: LeaseState.NONE,
    generation: 0,
    phase: RunnerPhase.ACTIVE,
    sinceMs: 0,
    lastSeenMs: 0,
    appliedSpecRevision: 0,
    signOffReason: "",
  },
} as const satisfies Partial<Runner>;
