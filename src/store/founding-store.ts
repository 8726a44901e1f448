import type { Organization } from "../domain/organizations/organization.ts";
import type { Runner } from "../domain/runners/runner.ts";
import type { User } from "../domain/users/user.ts";
import type { NewAccessToken } from "./credential-store.ts";

/** A user as it is made: active, and without a picture. */
export type NewUser = Omit<User, "avatarUrl" | "status">;

/** What a new organisation begins with: the first start and operators make one. */
export interface Founding {
  readonly organization: Organization;
  readonly admin: NewUser;
  readonly token: NewAccessToken;
  /** The one runner that the server makes itself. */
  readonly localConfiguration: Runner;
}

/** How organisations begin: the first one, which a start makes. */
export interface FoundingStore {
  /** The organisation and the user that the first start made; null before it. */
  first(): Promise<{ organization: Organization; admin: User } | null>;
  /** Makes the first organisation, all or nothing. */
  found(founding: Founding): Promise<void>;
}
