import { DomainError, invalidField } from "../errors.ts";
import { RunnerKind, type RunnerProvider } from "../runners/enums.ts";
import type { Runner } from "../runners/runner.ts";

/** A size or shape of environments that a runner offers. Times are wall-clock milliseconds. */
export interface EnvironmentClass {
  readonly id: string;
  readonly organizationId: string;
  readonly runnerId: string;
  readonly displayName: string;
  readonly description: string;
  /** In the order in which it was sent; keys are unique. Never changes. */
  readonly configuration: readonly ClassSetting[];
  /** Whether new environments can use it. A class is never deleted, only switched off. */
  readonly enabled: boolean;
  readonly createdAt: number;
}

/** One value for the runner's schema of environment classes. */
export interface ClassSetting {
  readonly key: string;
  readonly value: string;
}

/** What a caller may change; an absent key leaves the field as it is. */
export interface EnvironmentClassChange {
  readonly displayName?: string;
  readonly description?: string;
  readonly enabled?: boolean;
}

/** Values inside one list are alternatives, all must match, an empty list and null match everything. */
export interface EnvironmentClassFilter {
  readonly runnerIds: readonly string[];
  readonly enabled: boolean | null;
  readonly kinds: readonly RunnerKind[];
  readonly providers: readonly RunnerProvider[];
}

/** Most settings of one class, and the longest key and value, in characters. */
const settingsAtMost = 100;
const keyAtMost = 128;
const valueAtMost = 1024;

/**
 * A class as it is made: enabled.
 * @throws DomainError `invalid` for its configuration, `failed_precondition` on a runner that runs no environments
 */
export function draftEnvironmentClass(
  runner: Pick<Runner, "id" | "organizationId" | "kind">,
  request: Pick<EnvironmentClass, "displayName" | "description" | "configuration">,
  made: { readonly id: string; readonly now: number },
): EnvironmentClass {
  if (runner.kind === RunnerKind.LOCAL_CONFIGURATION) {
    throw new DomainError("failed_precondition", "the LOCAL_CONFIGURATION runner runs no environments", {
      reason: "LOCAL_CONFIGURATION_RUNS_NOTHING",
    });
  }
  checkSettings(request.configuration);
  const { id: runnerId, organizationId } = runner;
  return { ...request, id: made.id, organizationId, runnerId, enabled: true, createdAt: made.now };
}

function checkSettings(settings: readonly ClassSetting[]): void {
  if (settings.length > settingsAtMost) {
    throw invalidField(
      "configuration",
      "environment_class.configuration.max_items",
      `must have at most ${settingsAtMost} settings`,
    );
  }
  const seen = new Set<string>();
  for (const [at, { key, value }] of settings.entries()) {
    if (key === "" || key.length > keyAtMost) {
      throw invalidField(
        `configuration[${at}].key`,
        "environment_class.configuration.key.length",
        `must have 1 to ${keyAtMost} characters`,
      );
    }
    if (value.length > valueAtMost) {
      throw invalidField(
        `configuration[${at}].value`,
        "environment_class.configuration.value.max_len",
        `must have at most ${valueAtMost} characters`,
      );
    }
    if (seen.has(key)) {
      throw invalidField(
        `configuration[${at}].key`,
        "environment_class.configuration.key.unique",
        "is there twice",
      );
    }
    seen.add(key);
  }
}

/** The error for a class that does not exist, or that the caller may not know of. */
export function environmentClassNotFound(): DomainError {
  return new DomainError("not_found", "environment class not found", {
    reason: "ENVIRONMENT_CLASS_NOT_FOUND",
  });
}
