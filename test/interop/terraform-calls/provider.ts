import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { GroupService } from "../../../gen/gitpod/v1/group_pb.js";
import { OrganizationService } from "../../../gen/gitpod/v1/organization_pb.js";
import { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../../gen/gitpod/v1/user_pb.js";
import { clientsOf } from "../../support/clients.ts";
import { adminToken, type TestServer } from "../../support/server.ts";

/** What a configured provider calls: Connect with binary messages over HTTP/1.1. */
export interface Provider {
  readonly runners: Client<typeof RunnerService>;
  readonly configuration: Client<typeof RunnerConfigurationService>;
  readonly groups: Client<typeof GroupService>;
  readonly accounts: Client<typeof ServiceAccountService>;
  readonly organizations: Client<typeof OrganizationService>;
  readonly users: Client<typeof UserService>;
  /** The same, calling with another token. */
  as(token: string): Provider;
  close(): void;
}

/** @param base what `host` has behind the address of the server */
export function providerOf(server: TestServer, base: "" | "/api"): Provider {
  const clients = clientsOf(server.url + base);
  const withToken = (token: string): Provider => {
    const client = <T extends DescService>(service: T) =>
      clients.client(service, { wire: "connect-binary 1.1", token });
    return {
      runners: client(RunnerService),
      configuration: client(RunnerConfigurationService),
      groups: client(GroupService),
      accounts: client(ServiceAccountService),
      organizations: client(OrganizationService),
      users: client(UserService),
      as: withToken,
      close: clients.close,
    };
  };
  return withToken(adminToken);
}
