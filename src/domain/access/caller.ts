import type { Attribution } from "./attribution.ts";
import { Principal, type Subject } from "./principal.ts";

/** Who is calling, as its token says. */
export interface Caller extends Subject {
  readonly organizationId: string;
  /** May call only methods without side effects. */
  readonly readOnly: boolean;
  readonly tokenId: string;
  readonly sourceAddress: string;
  readonly userAgent: string;
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
