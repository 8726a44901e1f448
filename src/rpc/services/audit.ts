import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type EventService,
  type ListAuditLogsRequest,
  ListAuditLogsRequest_FilterSchema,
  type ListAuditLogsResponse_AuditLogEntry,
  ListAuditLogsResponse_AuditLogEntrySchema,
} from "../../../gen/gitpod/v1/event_pb.js";
import type { AuditFilter, AuditRecord } from "../../domain/audit/entry.ts";
import { auditOrder } from "../../domain/audit/page.ts";
import { DomainError } from "../../domain/errors.ts";
import { requireAuditReader } from "../../domain/events/viewer.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { auditPageOf, listOf } from "./paging.ts";

/** The part of `gitpod.v1.EventService` that reads the record. */
export function auditMethods(
  store: Pick<Store, "audit" | "events">,
): Pick<ServiceImpl<typeof EventService>, "listAuditLogs" | "getAuditLog"> {
  return {
    async listAuditLogs(request, context) {
      const caller = callerOf(context);
      requireAuditReader(await store.events.viewer(caller));
      const filter = auditFilter(request);
      const order = auditOrder(request.sort);
      const list = listOf(context, `${order} ${JSON.stringify(filter)}`);
      const { rows, pagination } = await auditPageOf(request.pagination, list, (page) =>
        store.audit.list(caller.organizationId, filter, order, page),
      );
      return { entries: rows.map(entryMessage), pagination };
    },

    async getAuditLog({ auditLogEntryId }, context) {
      const caller = callerOf(context);
      requireAuditReader(await store.events.viewer(caller));
      const entry = await store.audit.get(caller.organizationId, auditLogEntryId.toLowerCase());
      if (entry === null) {
        throw new DomainError("not_found", "audit log entry not found", { reason: "AUDIT_LOG_NOT_FOUND" });
      }
      return { entry: entryMessage(entry) };
    },
  };
}

function auditFilter(request: ListAuditLogsRequest): AuditFilter {
  const filter = request.filter ?? create(ListAuditLogsRequest_FilterSchema);
  return {
    actorIds: filter.actorIds.map((id) => id.toLowerCase()),
    actorPrincipals: filter.actorPrincipals,
    subjectIds: filter.subjectIds.map((id) => id.toLowerCase()),
    subjectTypes: filter.subjectTypes,
    from: filter.from ? firstMsFrom(filter.from) : null,
    to: filter.to ? firstMsFrom(filter.to) : null,
  };
}

/** Entries have whole milliseconds: the first of those at or after the time, which serves both bounds. */
function firstMsFrom({ seconds, nanos }: Timestamp): number {
  const ms = Number(seconds) * 1000 + Math.ceil(nanos / 1e6);
  return Math.min(Math.max(ms, 0), Number.MAX_SAFE_INTEGER);
}

function entryMessage(entry: AuditRecord): ListAuditLogsResponse_AuditLogEntry {
  const { id, actorId, actorPrincipal, subjectId, subjectType, action, kind, createdAt } = entry;
  return create(ListAuditLogsResponse_AuditLogEntrySchema, {
    id,
    actorId,
    actorPrincipal: actorPrincipal as number,
    subjectId,
    subjectType: subjectType as number,
    action,
    kind: kind as number,
    createdAt: timestampFromMs(createdAt),
  });
}
