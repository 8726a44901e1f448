import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { AdminService } from "../../../gen/rollcall/v1/admin_pb.js";
import { Principal } from "../../domain/access/principal.ts";
import { draftOrganization } from "../../domain/organizations/founding.ts";
import type { Organization } from "../../domain/organizations/organization.ts";
import { serviceAccountNotFound } from "../../domain/service-accounts/service-account.ts";
import { hashToken, mintToken } from "../../domain/tokens/token.ts";
import { personalTokenExpiry } from "../../domain/users/personal-token.ts";
import {
  type OperatorGrant,
  operatedUser,
  requireOperator,
  userNotFound,
} from "../../domain/users/rights.ts";
import { UserStatus } from "../../domain/users/user.ts";
import { callerOf } from "../call/context.ts";
import { lifetimeMs, personalTokenMessage, serviceAccountMessage, userMessage } from "../messages/account.ts";
import { type AdminDeps, fleetAdministration } from "./admin-fleet.ts";
import { mint } from "./minting.ts";
import { listOf, pageOf } from "./paging.ts";

/** `rollcall.v1.AdminService`. */
export function adminService(deps: AdminDeps): ServiceImpl<typeof AdminService> {
  const { store, clock, newId } = deps;

  async function operator(context: HandlerContext): Promise<OperatorGrant> {
    const caller = callerOf(context);
    const first = await store.founding.first();
    return requireOperator(caller, first?.organization.id ?? "");
  }

  async function operated(grant: OperatorGrant, userId: string) {
    return operatedUser(grant, await store.users.find(grant, userId.toLowerCase()));
  }

  async function setUserStatus(
    context: HandlerContext,
    userId: string,
    status: typeof UserStatus.ACTIVE | typeof UserStatus.SUSPENDED,
  ) {
    const authorized = await operated(await operator(context), userId);
    const user = await store.users.setStatus(authorized, status, clock.now());
    if (user === null) throw userNotFound();
    return { user: userMessage(user) };
  }

  async function setSuspended(context: HandlerContext, id: string, suspended: boolean) {
    const grant = await operator(context);
    const account = await store.serviceAccounts.setSuspended(grant, id.toLowerCase(), suspended, clock.now());
    if (account === null) throw serviceAccountNotFound();
    return { serviceAccount: serviceAccountMessage(account) };
  }

  return {
    ...fleetAdministration(deps, operator),

    async createOrganization(request, context) {
      const grant = await operator(context);
      const now = clock.now();
      const drafted = draftOrganization(request, newId, now);
      const { organization, admin } = drafted;
      const { secret } = mintToken("personal");
      await store.organizations.create(grant, {
        ...drafted,
        token: {
          id: newId(),
          organizationId: organization.id,
          hash: hashToken(secret),
          subjectId: admin.id,
          principal: Principal.USER,
          description: "minted with the organization",
          readOnly: false,
          by: grant.by,
          createdAt: now,
          expiresAt: personalTokenExpiry(0, now),
        },
      });
      const user = userMessage({ ...admin, avatarUrl: "", status: UserStatus.ACTIVE });
      return { organization: organizationMessage(organization), admin: user, token: secret };
    },

    async listOrganizations(request, context) {
      const grant = await operator(context);
      const { rows, pagination } = await pageOf(request.pagination, listOf(context), (page) =>
        store.organizations.list(grant, page),
      );
      return { organizations: rows.map(organizationMessage), pagination };
    },

    async createUser(request, context) {
      const grant = await operator(context);
      const { name, email, avatarUrl, organizationAdmin } = request;
      const user = {
        id: newId(),
        organizationId: request.organizationId.toLowerCase() || grant.by.organizationId,
        name,
        email,
        avatarUrl,
        status: UserStatus.ACTIVE,
        createdAt: clock.now(),
      };
      await store.users.create(grant, user, organizationAdmin);
      return { user: userMessage(user) };
    },

    async listUsers(request, context) {
      const grant = await operator(context);
      const organizationId = request.organizationId.toLowerCase();
      const { rows, pagination } = await pageOf(request.pagination, listOf(context, organizationId), (page) =>
        store.users.list(grant, organizationId || null, page),
      );
      return { users: rows.map(userMessage), pagination };
    },

    suspendUser: ({ userId }, context) => setUserStatus(context, userId, UserStatus.SUSPENDED),
    resumeUser: ({ userId }, context) => setUserStatus(context, userId, UserStatus.ACTIVE),

    async createUserToken(request, context) {
      const grant = await operator(context);
      const user = await operated(grant, request.userId);
      const { secret, token } = await mint(deps, {
        kind: "personal",
        organizationId: user.organizationId,
        subject: { id: user.id, principal: Principal.USER },
        description: request.description,
        readOnly: request.readOnly,
        expiresAt: personalTokenExpiry(lifetimeMs(request.validFor), clock.now()),
        by: grant.by,
      });
      return { token: secret, personalAccessToken: personalTokenMessage(token) };
    },

    suspendServiceAccount: ({ serviceAccountId }, context) => setSuspended(context, serviceAccountId, true),
    resumeServiceAccount: ({ serviceAccountId }, context) => setSuspended(context, serviceAccountId, false),
  };
}

function organizationMessage({ createdAt, ...organization }: Organization) {
  return { ...organization, createdAt: timestampFromMs(createdAt) };
}
