import type { Principal } from "../access/principal.ts";
import type { AuditKind, ResourceType } from "../access/resources.ts";

/** One thing that a caller or an operator did. */
export interface AuditRecord {
  readonly id: string;
  readonly actorId: string;
  readonly actorPrincipal: Principal;
  readonly subjectId: string;
  readonly subjectType: ResourceType;
  readonly action: string;
  readonly kind: AuditKind;
  /** Wall-clock milliseconds. */
  readonly createdAt: number;
  readonly sourceAddress: string;
  readonly userAgent: string;
}

/** Values inside one list are alternatives, what is given must all match; an empty list matches everything. */
export interface AuditFilter {
  readonly actorIds: readonly string[];
  readonly actorPrincipals: readonly number[];
  readonly subjectIds: readonly string[];
  readonly subjectTypes: readonly number[];
  /** Wall-clock milliseconds, inclusive; null: no bound. */
  readonly from: number | null;
  /** Exclusive. */
  readonly to: number | null;
}

export type AuditOrder = "newest_first" | "oldest_first";
