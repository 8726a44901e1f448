import { Principal } from "../../../domain/access/principal.ts";
import { ResourceType } from "../../../domain/access/resources.ts";
import { ResourceRole } from "../../../domain/access/roles.ts";
import { type SystemGroup, systemGroups } from "../../../domain/groups/group.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { Founding } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import { groups, roleAssignments } from "../schema.ts";
import { memberWriter } from "./memberships.ts";

const kept: Record<SystemGroup, { readonly role: ResourceRole; readonly description: string }> = {
  "org-members": { role: ResourceRole.ORG_MEMBER, description: "Everybody who belongs to the organization" },
  "org-admins": {
    role: ResourceRole.ORG_ADMIN,
    description: "Those who may do everything in the organization",
  },
};

/**
 * Writes the groups that every organisation has, with its first admin in both; runs inside the transaction that
 * makes the organisation. Migration 0003 does the same for organisations of earlier versions.
 */
export function systemGroupWriter(connection: Connection, newId: IdSource): (founding: Founding) => void {
  const addMember = memberWriter(connection);
  return ({ organization, admin }) => {
    const { id: organizationId, createdAt } = organization;
    for (const name of systemGroups) {
      const { role, description } = kept[name];
      const groupId = newId();
      const common = { organizationId, createdAt };
      connection
        .insert(groups)
        .values({
          ...common,
          id: groupId,
          name,
          description,
          systemManaged: true,
          directShare: false,
          updatedAt: createdAt,
        })
        .run();
      const resource = { resourceType: ResourceType.ORGANIZATION, resourceId: organizationId };
      connection
        .insert(roleAssignments)
        .values({ ...common, ...resource, id: newId(), groupId, role })
        .run();
      addMember({ ...common, id: newId(), groupId, subject: { id: admin.id, principal: Principal.USER } });
    }
  };
}
