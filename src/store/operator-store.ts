import type { Gateway } from "../domain/gateways/gateway.ts";
import type { Organization } from "../domain/organizations/organization.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { RunnerManager } from "../domain/runner-managers/runner-manager.ts";
import type { OperatorGrant } from "../domain/users/rights.ts";
import type { Founding } from "./founding-store.ts";
import type { Rows } from "./rows.ts";

// Lists are newest first. A null organisation lists what every organisation has.

export interface OrganizationStore {
  get(grant: OperatorGrant, id: string): Promise<Organization | null>;
  list(grant: OperatorGrant, page: Page): Promise<Rows<Organization>>;
  create(grant: OperatorGrant, founding: Founding): Promise<void>;
}

export interface RunnerManagerStore {
  list(grant: OperatorGrant, organizationId: string | null, page: Page): Promise<Rows<RunnerManager>>;
  /** @throws DomainError `not_found` for an unknown organisation */
  create(grant: OperatorGrant, manager: RunnerManager): Promise<void>;
  /**
   * False when there is none.
   * @throws DomainError `failed_precondition` while it has a runner
   */
  remove(grant: OperatorGrant, id: string, now: number): Promise<boolean>;
}

export interface GatewayStore {
  /** The gateways of the organisation, for its members and runners. */
  list(organizationId: string, page: Page): Promise<Rows<Gateway>>;
  listAll(grant: OperatorGrant, organizationId: string | null, page: Page): Promise<Rows<Gateway>>;
  /**
   * @throws DomainError `not_found` for an unknown organisation, `already_exists` for a name that another gateway
   *   of the organisation has
   */
  create(grant: OperatorGrant, gateway: Gateway): Promise<void>;
  /** False when there is none. */
  remove(grant: OperatorGrant, id: string, now: number): Promise<boolean>;
}
