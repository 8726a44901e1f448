import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerCapability, RunnerService, RunnerSpecSchema } from "../../gen/gitpod/v1/runner_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { wires } from "../support/clients.ts";
import { postJson } from "../support/http.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let runnerToken: string;
beforeAll(async () => {
  server = await startTestServer();
  const made = await server
    .client(RunnerService)
    .createRunner({ name: "talkative", provider: RunnerProvider.AWS_EC2 });
  const { exchangeToken } = made;
  const exchanged = await server.client(IdentityService, { token: null }).exchangeToken({ exchangeToken });
  runnerToken = exchanged.accessToken;
});
afterAll(() => server.close());

const writes = wires.filter((wire) => !wire.startsWith("connect-get"));

describe("broken rules", () => {
  const items = 256;
  const capabilities = { values: Array<RunnerCapability>(items).fill(RunnerCapability.UNSPECIFIED) };

  test.each(writes)("over %s as many are told as have room, and the rest are counted", async (wire) => {
    const agent = server.client(RunnerAgentService, { wire, token: runnerToken });
    const refused = await refusal(agent.renewRegistration({ generation: 0, status: { capabilities } }));
    expect(refused.code).toBe("invalid_argument");
    expect(refused.rules.length).toBeGreaterThan(3);
    expect(refused.rules.length).toBeLessThanOrEqual(16);
    expect(refused.message).toMatch(new RegExp(`; and ${items - refused.rules.length} more$`));
    refused.headers.delete("grpc-message");
    const trailers = [...refused.headers].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    const told = wire.startsWith("grpc") ? encodeURIComponent(refused.message).length : 0;
    expect(trailers + told).toBeLessThanOrEqual(8192);
  });

  test("the log has one line of bounded length for a call", () => {
    for (const line of server.log.lines()) expect(JSON.stringify(line).length).toBeLessThan(4096);
  });

  test("a list's own rule is judged before its items", async () => {
    const refused = await refusal(
      server.client(RunnerService).listRunners({ filter: { creatorIds: Array<string>(1500).fill("x") } }),
    );
    expect(refused).toMatchObject({ fields: ["filter.creator_ids"], rules: ["repeated.max_items"] });
  });
});

describe("who may never call a method does not reach its rules", () => {
  const broken = { filter: { groupIds: Array<string>(100).fill("x") } };
  test.each(writes)("over %s", async (wire) => {
    const calls = [
      server.client(GroupService, { wire, token: runnerToken }).listGroups(broken),
      server.client(AdminService, { wire, token: runnerToken }).createUser({ email: "" }),
      server.client(RunnerService, { wire, token: runnerToken }).updateRunner({ runnerId: "x" }),
    ];
    for (const call of calls) {
      expect(await refusal(call)).toMatchObject({
        code: "permission_denied",
        reason: "RUNNER_TOKEN",
        rules: [],
      });
    }
    const agent = server.client(RunnerAgentService, { wire }).renewRegistration({ runnerId: "x" });
    expect(await refusal(agent)).toMatchObject({
      code: "permission_denied",
      reason: "NOT_A_RUNNER",
      rules: [],
    });
  });

  test("not even its request is read", async () => {
    const answer = await postJson(server.url, "gitpod.v1.GroupService/ListGroups", "no JSON", {
      authorization: `Bearer ${runnerToken}`,
    });
    expect([answer.status, answer.json().code]).toEqual([403, "permission_denied"]);
  });
});

describe("texts that the contract leaves open", () => {
  const long = "x".repeat(100_000);
  const provider = RunnerProvider.GCP;
  const configurations = {
    region: { region: long },
    "metrics.url": { metrics: { url: long } },
    "metrics.username": { metrics: { username: long } },
    "metrics.password": { metrics: { password: long } },
    encrypted_honeycomb_api_key: { encryptedHoneycombApiKey: Buffer.from(long) },
  };
  test.each(Object.entries(configurations))("%s of a runner is bounded", async (field, configuration) => {
    const made = server
      .client(RunnerService)
      .createRunner({ name: "long", provider, spec: { configuration } });
    const refused = await refusal(made);
    expect(refused).toMatchObject({ code: "invalid_argument", fields: [`spec.configuration.${field}`] });
    expect(refused.rules[0]).toMatch(/^(string.max_bytes|bytes.max_len)$/);
  });

  test("an exchange token and the description of a token are bounded", async () => {
    const exchange = server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken: long.slice(0, 4_000) });
    expect(await refusal(exchange)).toMatchObject({ code: "invalid_argument", fields: ["exchange_token"] });
  });
});

describe("what an older server let in", () => {
  const regionOf = (length: number) =>
    create(RunnerSpecSchema, { configuration: { region: "x".repeat(length) } });
  function store(names: readonly string[], spec: Uint8Array): void {
    const database = new Database(join(server.config.dataDir, "rollcall.db"));
    const update = database.prepare("UPDATE runners SET spec = ? WHERE name = ?");
    for (const name of names) update.run(Buffer.from(spec), name);
    database.close();
  }

  test("makes the pages of its list smaller, and each of its rows is told", async () => {
    const names = Array.from({ length: 5 }, (_, at) => `large-${at}`);
    for (const name of names) {
      await server.client(RunnerService).createRunner({ name, provider: RunnerProvider.GCP });
    }
    const spec = toBinary(RunnerSpecSchema, regionOf(2 * 1024 * 1024));
    expect(fromBinary(RunnerSpecSchema, spec).configuration?.region).toHaveLength(2 * 1024 * 1024);
    store(names, spec);
    const found: string[] = [];
    let pages = 0;
    for (let token = ""; pages === 0 || token !== ""; pages += 1) {
      const answer = await server.client(RunnerService).listRunners({ pagination: { pageSize: 100, token } });
      found.push(...answer.runners.map(({ name }) => name));
      token = answer.pagination?.nextToken ?? "";
    }
    expect(found).toEqual(expect.arrayContaining(names));
    expect(new Set(found).size).toBe(found.length);
    expect(pages).toBeGreaterThan(2);
  });
});

test.each(["connect-json 1.1", "connect-json 2", "connect-get 1.1"] as const)(
  "an answer that cannot be encoded is an internal error with an id, a log line and a count, over %s",
  async (wire) => {
    const name = `timeless-${wire.replaceAll(/\W/g, "-")}`;
    const made = await server.client(RunnerService).createRunner({ name, provider: RunnerProvider.GCP });
    const database = new Database(join(server.config.dataDir, "rollcall.db"));
    // No time that protobuf's JSON has a word for.
    database.prepare("UPDATE runners SET created_at = 300000000000000 WHERE name = ?").run(name);
    database.close();
    await server.restart();
    const runnerId = made.runner?.runnerId ?? "";
    for (const headers of [{}, { origin: "https://example.com" }]) {
      const call = server.client(RunnerService, { wire, headers }).getRunner({ runnerId });
      const error = await call.catch((reason: unknown) => ConnectError.from(reason));
      expect(error).toBeInstanceOf(ConnectError);
      const { rawMessage } = error as ConnectError;
      const id = /^internal error ([0-9a-f-]{36}): quote this id/.exec(rawMessage)?.[1];
      expect(id).toBeDefined();
      const line = server.log.lines().find(({ errorId }) => errorId === id);
      expect(line).toMatchObject({ level: 50, msg: "internal error" });
    }
    const metrics = await fetch(`${server.url}/metrics`, {
      headers: { authorization: "Bearer test-admin-token-0123456789" },
    });
    expect(await metrics.text()).toMatch(/internal_errors_total 2\n/);
  },
);
