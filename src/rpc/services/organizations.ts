import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { CountResponseRelation } from "../../../gen/gitpod/v1/count_pb.js";
import {
  type ListMembersRequest_Filter,
  OrganizationMemberSchema,
  type OrganizationService,
  OrganizationTier,
} from "../../../gen/gitpod/v1/organization_pb.js";
import {
  type Member,
  type MemberFilter,
  memberScope,
  memberSorting,
  OrganizationRole,
} from "../../domain/organizations/member.ts";
import { organizationNotFound } from "../../domain/organizations/organization.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { pageOf } from "./paging.ts";

/** Members that a list counts at most: a search has to look at each of them. */
const mostCounted = 10_000;

/** What members log in with, as people call it: here every call comes with a token that was handed to them. */
const loginProvider = "Personal access token";

/** The two methods of `gitpod.v1.OrganizationService` that are about what this server has. */
export function organizationService({
  store,
}: {
  readonly store: Pick<Store, "members">;
}): ServiceImpl<typeof OrganizationService> {
  return {
    async getOrganization(request, context) {
      const scope = memberScope(callerOf(context), request.organizationId.toLowerCase());
      const organization = await store.members.organization(scope);
      if (organization === null) throw organizationNotFound();
      const { id, name, createdAt } = organization;
      // Organisations do not change here, and nothing is held back from any of them.
      const time = timestampFromMs(createdAt);
      return {
        organization: { id, name, createdAt: time, updatedAt: time, tier: OrganizationTier.ENTERPRISE },
      };
    },

    async listMembers(request, context) {
      const scope = memberScope(callerOf(context), request.organizationId.toLowerCase());
      const filter = memberFilter(request.filter);
      const sorting = memberSorting(request.sort);
      const list = `gitpod.v1.OrganizationService/ListMembers ${JSON.stringify([scope, filter, sorting])}`;
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.members.list(scope, filter, sorting, page),
      );
      const members = rows.map(memberMessage);
      if (!request.count?.include) return { members, pagination };
      const counted = await store.members.count(scope, filter, mostCounted + 1);
      const { EQ, GTE } = CountResponseRelation;
      const relation = counted > mostCounted ? GTE : EQ;
      return { members, pagination, count: { value: Math.min(counted, mostCounted), relation } };
    },
  };
}

function memberFilter(filter: ListMembersRequest_Filter | undefined): MemberFilter {
  const lowered = (ids: readonly string[] = []) => ids.map((id) => id.toLowerCase());
  // An unspecified value is none.
  const specified = (values: readonly number[] = []) => values.filter((value) => value !== 0);
  return {
    search: filter?.search ?? "",
    statuses: specified(filter?.statuses),
    roles: specified(filter?.roles),
    ids: lowered(filter?.userIds),
    outsideGroups: lowered(filter?.excludeGroupIds),
    email: filter?.email ?? "",
    loginProvider: filter?.loginProvider ?? 0,
  };
}

function memberMessage({ id, admin, name, email, avatarUrl, status, createdAt }: Member) {
  return create(OrganizationMemberSchema, {
    userId: id,
    role: admin ? OrganizationRole.ADMIN : OrganizationRole.MEMBER,
    memberSince: timestampFromMs(createdAt),
    avatarUrl,
    fullName: name,
    email,
    status,
    loginProvider,
  });
}
