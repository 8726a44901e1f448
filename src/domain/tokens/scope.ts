import type { Principal } from "../access/principal.ts";
import { DomainError } from "../errors.ts";

/** Which tokens of people or programs a caller may know of. */
export interface TokenScope {
  readonly organizationId: string;
  readonly principal: typeof Principal.USER | typeof Principal.SERVICE_ACCOUNT;
  /** Null: of everybody in the organisation. */
  readonly onlySubjectId: string | null;
}

/** The error for a token that does not exist, or that the caller may not know of. */
export function tokenNotFound(): DomainError {
  return new DomainError("not_found", "token not found", { reason: "TOKEN_NOT_FOUND" });
}
