import { Principal, type Subject } from "./principal.ts";

/** Who did something, from where: written down with every change. */
export interface Attribution {
  readonly actor: Subject;
  readonly organizationId: string;
  /** Address of the client as the socket says; empty when it was not a call. */
  readonly sourceAddress: string;
  /** What the client calls itself; empty when it does not say. */
  readonly userAgent: string;
}

/** The server itself, which no id of the contract stands for: the nil UUID (RFC 9562), so that lists can filter by it. */
const system: Subject = { id: "00000000-0000-0000-0000-000000000000", principal: Principal.UNSPECIFIED };

/**
 * What the server does of its own accord, or because its settings say so.
 * @param userAgent which part of it
 */
export function systemAttribution(organizationId: string, userAgent: string): Attribution {
  return { actor: system, organizationId, sourceAddress: "", userAgent };
}
