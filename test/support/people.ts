import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import type { TestServer } from "./server.ts";

/** Somebody who can call. */
export interface Someone {
  readonly id: string;
  readonly organizationId: string;
  readonly token: string;
}

let people = 0;

/** The server's first admin, who operates it. */
export async function operator(server: TestServer): Promise<Omit<Someone, "token">> {
  const { user } = await server.client(UserService).getAuthenticatedUser({});
  return { id: user?.id ?? "", organizationId: user?.organizationId ?? "" };
}

/** A new user with a token, of the first organisation unless told otherwise. */
export async function newUser(
  server: TestServer,
  options: { organizationId?: string; admin?: boolean; readOnly?: boolean } = {},
): Promise<Someone> {
  const { organizationId = "", admin = false, readOnly = false } = options;
  const admins = server.client(AdminService);
  people += 1;
  const { user } = await admins.createUser({
    organizationId,
    name: `person ${people}`,
    email: `person-${people}@example.com`,
    organizationAdmin: admin,
  });
  const id = user?.id ?? "";
  const { token } = await admins.createUserToken({ userId: id, description: "test", readOnly });
  return { id, organizationId: user?.organizationId ?? "", token };
}

/** Another organisation; resolves to its admin. */
export async function newOrganization(server: TestServer, name = "another"): Promise<Someone> {
  const { organization, admin, token } = await server
    .client(AdminService)
    .createOrganization({ name, adminName: "their admin", adminEmail: "admin@another.example" });
  return { id: admin?.id ?? "", organizationId: organization?.id ?? "", token };
}

/** A service account of the first organisation, valid for a day, with a token that its admin minted. */
export async function newServiceAccount(server: TestServer, name: string): Promise<Someone> {
  const accounts = server.client(ServiceAccountService);
  const validUntil = timestampFromMs(server.clock.now() + 24 * 60 * 60 * 1000);
  const { serviceAccount } = await accounts.createServiceAccount({ name, validUntil });
  const id = serviceAccount?.id ?? "";
  const { token } = await accounts.createServiceAccountAccessToken({ serviceAccountId: id });
  return { id, organizationId: serviceAccount?.organizationId ?? "", token };
}
