import { eq, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import { DomainError } from "../../../domain/errors.ts";
import { organizationNotFound } from "../../../domain/organizations/organization.ts";
import type { GatewayStore } from "../../operator-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isForeignKeyViolation, isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders, keysetList } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { auditOperator } from "../journal/operator-journal.ts";
import { gateways } from "../schema.ts";

/** The contract has no type for gateways; the action names them. */
const subjectType = ResourceType.UNSPECIFIED;

export function gatewayStore(connection: Connection, commits: Commits, journal: Journal): GatewayStore {
  const isTheGateway = eq(gateways.id, sql.placeholder("id"));
  const listRows = keysetList(connection, gateways, gateways.organizationId);
  const insert = connection.insert(gateways).values(columnPlaceholders(gateways)).prepare();
  const select = connection.select().from(gateways).where(isTheGateway).prepare();
  const remove = connection.delete(gateways).where(isTheGateway).prepare();
  return {
    async list(organizationId, page) {
      return listRows(organizationId, page);
    },
    async listAll(_grant, organizationId, page) {
      return listRows(organizationId, page);
    },
    create: (grant, gateway) =>
      commits.run(() => {
        try {
          insert.run({ ...gateway });
        } catch (error) {
          if (isForeignKeyViolation(error)) throw organizationNotFound();
          if (!isUniqueViolation(error)) throw error;
          throw new DomainError("already_exists", "another gateway has this name", {
            reason: "GATEWAY_NAME_TAKEN",
          });
        }
        const { id: subjectId, organizationId, createdAt: now } = gateway;
        auditOperator(journal, grant, {
          organizationId,
          action: "gateway.create",
          subjectType,
          subjectId,
          now,
        });
      }),
    remove: (grant, id, now) =>
      commits.run(() => {
        const gateway = select.get({ id });
        if (gateway === undefined) return false;
        remove.run({ id });
        const { organizationId } = gateway;
        const action = "gateway.delete";
        auditOperator(journal, grant, { organizationId, action, subjectType, subjectId: id, now });
        return true;
      }),
  };
}
