import type { Subject } from "./principal.ts";

/** Who did something, from where: written down with every change. */
export interface Attribution {
  readonly actor: Subject;
  readonly organizationId: string;
  /** Address of the client as the socket says; empty when it was not a call. */
  readonly sourceAddress: string;
  /** What the client calls itself; empty when it does not say. */
  readonly userAgent: string;
}
