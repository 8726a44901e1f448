import type { Principal } from "../access/principal.ts";

/** Which tokens of people or programs somebody may know of. */
export interface TokenScope {
  readonly organizationId: string;
  readonly principal: typeof Principal.USER | typeof Principal.SERVICE_ACCOUNT;
  /** Null: of everybody in the organisation. */
  readonly onlySubjectId: string | null;
}
