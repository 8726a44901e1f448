import { AuditKind, type ResourceType } from "../../../domain/access/resources.ts";
import type { OperatorGrant } from "../../../domain/users/rights.ts";
import type { Journal } from "./journal.ts";

/** What an operator did to something of an organisation. */
export interface OperatorAct {
  /** The organisation that it concerns. */
  readonly organizationId: string;
  /** As in `AuditEntry`. */
  readonly action: string;
  readonly subjectType: ResourceType;
  readonly subjectId: string;
  readonly now: number;
}

/**
 * Writes an operator's act into the audit log of the organisation that it concerns, whose admins must be able to
 * learn of it, and when that is another one than the operator's, into the operator's as well.
 */
export function auditOperator(journal: Journal, { by }: Pick<OperatorGrant, "by">, act: OperatorAct): void {
  const { organizationId, ...entry } = act;
  const kind = AuditKind.RESOURCE_CHANGE;
  journal.audit({ ...entry, kind, by: { ...by, organizationId } });
  if (organizationId !== by.organizationId) journal.audit({ ...entry, kind, by });
}
