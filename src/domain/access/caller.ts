import { DomainError } from "../errors.ts";
import type { Attribution } from "./attribution.ts";
import type { Authority } from "./authority.ts";
import { Principal, type Subject } from "./principal.ts";

/** Who is calling, as its token says. */
export interface Caller extends Subject {
  readonly organizationId: string;
  /** May call only methods without side effects. */
  readonly readOnly: boolean;
  readonly tokenId: string;
  readonly sourceAddress: string;
  readonly userAgent: string;
  /** The name of the client certificate that its token works with alone; null when any will do. */
  readonly certificateName: Uint8Array | null;
  /** What the roles of its groups allow it, as they were when its request had arrived. */
  readonly authority: Authority;
}

/** The caller as it is written down. */
export function attributionOf(caller: Caller): Attribution {
  const { id, principal, organizationId, sourceAddress, userAgent } = caller;
  return { actor: { id, principal }, organizationId, sourceAddress, userAgent };
}

/** Whether the caller is a runner; a runner may act on nothing but itself. */
export function isRunner(caller: Pick<Caller, "principal">): boolean {
  return caller.principal === Principal.RUNNER;
}

/** Keeps runners away from what is not about themselves. @throws DomainError `permission_denied` */
export function refuseRunner(caller: Caller): void {
  if (!isRunner(caller)) return;
  throw new DomainError("permission_denied", "a runner's token acts on the runner itself alone", {
    reason: "RUNNER_TOKEN",
  });
}

/** The error for what is visible to the caller, but takes more than it has. */
export function roleMissing(needed: string): DomainError {
  return new DomainError("permission_denied", `this takes ${needed}`, { reason: "ROLE_MISSING" });
}
