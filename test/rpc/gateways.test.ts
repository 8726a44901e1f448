import { afterEach, beforeEach, expect, test } from "vitest";
import { GatewayService } from "../../gen/gitpod/v1/gateway_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { newOrganization, newUser } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const listed = async (token?: string) =>
  (await server.client(GatewayService, token === undefined ? {} : { token }).listGateways({})).gateways;

test("members and runners of an organisation see its gateways, and nobody else's", async () => {
  const admin = server.client(AdminService);
  const theirs = await newOrganization(server);
  const member = await newUser(server);
  await admin.createGateway({ name: "eu", url: "https://gw.eu.example", region: "eu" });
  await admin.createGateway({
    name: "eu",
    url: "wss://other.example",
    organizationId: theirs.organizationId,
  });
  const { exchangeToken } = await server
    .client(RunnerService)
    .createRunner({ name: "runner", provider: RunnerProvider.GCP });
  const runner = await server.client(IdentityService, { token: null }).exchangeToken({ exchangeToken });
  for (const token of [undefined, member.token, runner.accessToken]) {
    expect(await listed(token)).toMatchObject([{ name: "eu", url: "https://gw.eu.example", region: "eu" }]);
  }
  expect(await listed(theirs.token)).toMatchObject([{ name: "eu", url: "wss://other.example" }]);
});

test("every gateway is listed once, newest first, while others come and go", async () => {
  const admin = server.client(AdminService);
  for (let i = 0; i < 5; i++) await admin.createGateway({ name: `gw-${i}`, url: "https://gw.example" });
  const gateways = server.client(GatewayService);
  const first = await gateways.listGateways({ pagination: { pageSize: 2 } });
  expect(first.gateways.map(({ name }) => name)).toEqual(["gw-4", "gw-3"]);
  await admin.createGateway({ name: "late", url: "https://gw.example" });
  const { gateways: all } = await admin.listGateways({});
  await admin.deleteGateway({ gatewayId: all.find(({ name }) => name === "gw-3")?.id ?? "" });
  const rest = await gateways.listGateways({
    pagination: { pageSize: 100, token: first.pagination?.nextToken ?? "" },
  });
  expect(rest.gateways.map(({ name }) => name)).toEqual(["gw-2", "gw-1", "gw-0"]);
  expect(rest.pagination?.nextToken).toBe("");
});

test("a gateway has a name of its own and an address that can be connected to", async () => {
  const admin = server.client(AdminService);
  await admin.createGateway({ name: "eu", url: "https://gw.example" });
  expect(await refusal(admin.createGateway({ name: "eu", url: "https://gw.example" }))).toMatchObject({
    code: "already_exists",
    reason: "GATEWAY_NAME_TAKEN",
  });
  for (const url of ["gw.example", "", "//gw"]) {
    expect(await refusal(admin.createGateway({ name: "us", url }))).toMatchObject({
      code: "invalid_argument",
      fields: ["url"],
    });
  }
  const unknown = { gatewayId: "019ab3c2-6f0e-7a10-8d2b-5a4f1c7e9b00" };
  expect(await refusal(admin.deleteGateway(unknown))).toMatchObject({ code: "not_found" });
});
