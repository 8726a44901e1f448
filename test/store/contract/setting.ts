import { DomainError } from "../../../src/domain/errors.ts";
import type { Store } from "../../../src/store/store.ts";
import { foundingOf } from "../../support/records.ts";

export type OpenStore = () => Promise<OpenedStore>;

/** A store of its own, gone with its data when it is disposed of. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  /** Adds a runner manager, for which the port has no method yet; returns its id. */
  addManager(organizationId: string): Promise<string>;
}

/** A store with two organisations. */
export interface Setting extends OpenedStore {
  readonly org: string;
  readonly otherOrg: string;
  readonly adminId: string;
}

export async function setting(open: OpenStore): Promise<Setting> {
  return settingIn(await open());
}

/** Two more organisations in a store, which see nothing of the others. */
export async function settingIn(opened: OpenedStore): Promise<Setting> {
  const [first, second] = [foundingOf(), foundingOf()];
  await opened.store.founding.found(first);
  await opened.store.founding.found(second);
  const org = first.organization.id;
  return { ...opened, org, otherOrg: second.organization.id, adminId: first.admin.id };
}

/** The error of a call that must be refused by a rule of the domain. */
export async function domainError(call: Promise<unknown>): Promise<DomainError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof DomainError) return outcome;
  throw new Error("expected a DomainError", { cause: outcome });
}
