import { Principal, type Subject } from "./principal.ts";

/** Who is calling, as its token says. */
export interface Caller extends Subject {
  readonly organizationId: string;
  /** May call only methods without side effects. */
  readonly readOnly: boolean;
  readonly tokenId: string;
}

/** Whether the caller is a runner; a runner may act on nothing but itself. */
export function isRunner(caller: Caller): boolean {
  return caller.principal === Principal.RUNNER;
}
