import { Principal } from "../access/principal.ts";
import { freshRunner } from "../runners/create.ts";
import { RunnerKind, RunnerPhase, RunnerProvider } from "../runners/enums.ts";
import type { Runner } from "../runners/runner.ts";
import type { User } from "../users/user.ts";
import type { Organization } from "./organization.ts";

/** What a new organisation has from the start, besides its admin's token. */
export interface NewOrganization {
  readonly organization: Organization;
  readonly admin: Omit<User, "avatarUrl" | "status">;
  /** The one runner that the server makes itself. */
  readonly localConfiguration: Runner;
}

/** @param now wall-clock milliseconds */
export function draftOrganization(
  named: { readonly name: string; readonly adminName: string; readonly adminEmail: string },
  newId: () => string,
  now: number,
): NewOrganization {
  const organization = { id: newId(), name: named.name, createdAt: now };
  const admin = {
    id: newId(),
    organizationId: organization.id,
    name: named.adminName,
    email: named.adminEmail,
    createdAt: now,
  };
  return {
    organization,
    admin,
    localConfiguration: {
      id: newId(),
      organizationId: organization.id,
      name: "local-configuration",
      kind: RunnerKind.LOCAL_CONFIGURATION,
      provider: RunnerProvider.UNSPECIFIED,
      managerId: null,
      creator: { id: admin.id, principal: Principal.USER },
      createdAt: now,
      updatedAt: now,
      spec: { desiredPhase: RunnerPhase.ACTIVE, variant: 0 },
      metricsPassword: null,
      ...freshRunner,
    },
  };
}
