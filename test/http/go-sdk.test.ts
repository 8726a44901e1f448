import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { defaultLimits } from "../../src/domain/limits/connection-limits.ts";
import { plainRequest } from "../support/http.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import {
  dechunk,
  type GoAnswer,
  goCall,
  goDecode,
  goError,
  goLines,
  goRequest,
  goRetry,
  readHead,
} from "./support/go-sdk.ts";
import { RawClient } from "./support/raw.ts";

// The official Go SDK cannot be installed here. So these send what it would send, and read as it would read.

const runners = "gitpod.v1.RunnerService";
const unknownId = "01900000-0000-7000-8000-000000000000";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ config: { limits: { ...defaultLimits, messageBytes: 20_000 } } });
});
afterAll(() => server.close());

const ask = (path: string, body: string, token = adminToken) => goCall(server.url, token, path, body);
const call = async (path: string, body: string) => goDecode(await ask(path, body));

async function create(body: string): Promise<{ runnerId: string } & Record<string, unknown>> {
  const { runner, exchangeToken } = (await call(`${runners}/CreateRunner`, body)) as {
    runner: { runnerId: string };
    exchangeToken: string;
  };
  server.keepSecret(exchangeToken);
  return runner;
}

describe("0.x calls and reads its answers", () => {
  // The SDK sorts the names of every object.
  test.each([
    [
      "AWS Runner",
      "RUNNER_PROVIDER_AWS_EC2",
      "RUNNER_KIND_REMOTE",
      '"autoUpdate":true,"region":"us-west","releaseChannel":"RUNNER_RELEASE_CHANNEL_STABLE"',
    ],
    [
      "GCP Runner",
      "RUNNER_PROVIDER_GCP",
      "RUNNER_KIND_REMOTE",
      '"autoUpdate":true,"region":"us-central1","releaseChannel":"RUNNER_RELEASE_CHANNEL_STABLE"',
    ],
    [
      "Local Development Runner",
      "RUNNER_PROVIDER_LINUX_HOST",
      "RUNNER_KIND_LOCAL",
      '"autoUpdate":true,"releaseChannel":"RUNNER_RELEASE_CHANNEL_LATEST"',
    ],
  ])("of its published example %s", async (name, provider, kind, configuration) => {
    const spec = `{"configuration":{${configuration}},"desiredPhase":"RUNNER_PHASE_ACTIVE"}`;
    const runner = await create(`{"name":"${name}","provider":"${provider}","spec":${spec}}`);
    expect(runner).toMatchObject({ name, provider, kind, spec: JSON.parse(spec) });
  });

  test("with fields that it sends as null, or that are new here or there", async () => {
    const { runnerId } = await create(
      '{"kind":null,"name":"with nulls","provider":"RUNNER_PROVIDER_AWS_EC2","spec":null}',
    );
    // Update and Delete answer an empty message: it must be an object all the same.
    expect(await call(`${runners}/UpdateRunner`, `{"name":null,"runnerId":"${runnerId}"}`)).toEqual({});
    expect((await call(`${runners}/GetRunner`, `{"runnerId":"${runnerId}"}`)).runner).toMatchObject({
      name: "with nulls",
    });
    expect(await call(`${runners}/DeleteRunner`, `{"force":true,"runnerId":"${runnerId}"}`)).toEqual({});
    const identity = await call("gitpod.v1.IdentityService/GetAuthenticatedIdentity", '{"empty":true}');
    expect(identity.subject).toMatchObject({ principal: "PRINCIPAL_USER" });
  });

  test("that are packed, since net/http asks for gzip", async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => create(`{"name":"many ${n}","provider":"RUNNER_PROVIDER_GCP"}`)),
    );
    const answer = await ask(`${runners}/ListRunners`, "{}");
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect((goDecode(answer).runners as unknown[]).length).toBeGreaterThanOrEqual(10);
  });

  test.each([
    ["the query asks for a size", "?pageSize=3", "{}"],
    ["the body asks for a size", "", '{"pagination":{"pageSize":3}}'],
  ])("page by page, when %s", async (_name, query, body) => {
    const seen: string[] = [];
    let sent = query;
    for (let pages = 0; pages < 50; pages++) {
      const { runners: page, pagination } = (await call(`${runners}/ListRunners${sent}`, body)) as {
        runners?: { runnerId: string }[];
        pagination?: { nextToken?: string };
      };
      // An empty page ends the SDK's loop, whatever follows.
      if (page === undefined || page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(3);
      seen.push(...page.map(({ runnerId }) => runnerId));
      if (!pagination?.nextToken) break;
      // It sets the token among the parameters of the first request, sorts them, and sends the same body again.
      const parameters = new URLSearchParams(query);
      parameters.set("token", pagination.nextToken);
      parameters.sort();
      sent = `?${parameters}`;
    }
    const all = (await call(`${runners}/ListRunners`, "{}")).runners as { runnerId: string }[];
    expect(seen).toEqual(all.map(({ runnerId }) => runnerId));
  });
});

describe("0.x has a typed error, and knows whether to try again", () => {
  const createRunner = `${runners}/CreateRunner`;
  test.each<[string, number, string, boolean, () => Promise<GoAnswer>]>([
    [
      "no such runner",
      404,
      "not_found",
      false,
      () => ask(`${runners}/GetRunner`, `{"runnerId":"${unknownId}"}`),
    ],
    [
      "no such procedure",
      404,
      "unimplemented",
      false,
      () => ask("gitpod.v1.AccountService/GetAccount", "{}"),
    ],
    [
      "a question that no runner can answer",
      400,
      "failed_precondition",
      false,
      () => ask(`${runners}/ParseContextURL`, '{"contextUrl":"https://example.com"}'),
    ],
    ["a broken rule", 400, "invalid_argument", false, () => ask(createRunner, '{"name":"ab"}')],
    ["a body that is no JSON", 400, "invalid_argument", false, () => ask(createRunner, "{")],
    ["a wrong token", 401, "unauthenticated", false, () => ask(createRunner, "{}", "nobody")],
    [
      "a page token that is damaged",
      400,
      "invalid_argument",
      false,
      () => ask(`${runners}/ListRunners?token=x`, "{}"),
    ],
    // The status makes the SDK try again, which Connect's table of codes wants; it gives up after two more.
    [
      "a body that is too large",
      429,
      "resource_exhausted",
      true,
      () => ask(createRunner, `{"name":"${"x".repeat(30_000)}"}`),
    ],
  ])("%s", async (_name, status, code, again, answer) => {
    const answered = await answer();
    expect(goError(answered)).toMatchObject({ status, code });
    expect(goRetry(answered) !== undefined).toBe(again);
  });

  test("a conflict, which would be one the next time too", async () => {
    const { organizationId } = await call("gitpod.v1.IdentityService/GetAuthenticatedIdentity", "{}");
    const body = `{"name":"taken","organizationId":"${organizationId}"}`;
    await call("gitpod.v1.GroupService/CreateGroup", body);
    const answer = await ask("gitpod.v1.GroupService/CreateGroup", body);
    expect(goError(answer)).toMatchObject({ status: 409, code: "already_exists" });
    expect(goRetry(answer)).toBeUndefined();
  });
});

describe("a rate limit", () => {
  let limited: TestServer;
  beforeAll(async () => {
    limited = await startTestServer({
      config: { callRates: { perToken: 1, perAddress: 0, burstSeconds: 1 } },
    });
    await goCall(limited.url, adminToken, `${runners}/ListRunners`, "{}");
  });
  afterAll(() => limited.close());

  test("tells 0.x how long to wait", async () => {
    const answer = await goCall(limited.url, adminToken, `${runners}/ListRunners`, "{}");
    expect(goError(answer)).toMatchObject({ status: 429, code: "resource_exhausted" });
    expect(goRetry(answer)).toBe(1000);
  });

  test("tells 1.x, which takes any detail for a RetryInfo that can be read as one", async () => {
    const answer = await plainRequest(`${limited.url}/api/${runners}/ListRunners`, {
      method: "POST",
      headers: {
        "accept-encoding": "gzip",
        authorization: `Bearer ${adminToken}`,
        "connect-protocol-version": "1",
        "content-type": "application/proto",
        "user-agent": "ona-go-client/1.2.0 (language=go; layer=raw)",
      },
      body: new Uint8Array(),
    });
    const { code, details } = answer.json<{ code: string; details: { value: string }[] }>();
    expect(code).toBe("resource_exhausted");
    const delays = details.flatMap(({ value }) => {
      try {
        return fromBinary(RetryInfoSchema, Buffer.from(value, "base64")).retryDelay ?? [];
      } catch {
        return [];
      }
    });
    expect(delays[0]).toMatchObject({ seconds: 1n });
    // Where there is no such detail, it reads whole seconds here.
    expect(answer.headers["ratelimit-retryafter"]).toBe("1");
  });
});

describe("0.x watches events", () => {
  const watch = "gitpod.v1.EventService/WatchEvents";

  test("line by line, unpacked, from the moment on that the answer begins", async () => {
    await using client = await RawClient.connect(Number(new URL(server.url).port));
    const body = '{"organization":true,"resourceTypeFilters":[{"resourceType":"RESOURCE_TYPE_RUNNER"}]}';
    client.send(goRequest(server.url, adminToken, watch, body, "application/jsonl"));
    const { status, headers, bodyAt } = readHead(await client.until("\r\n\r\n"));
    expect([status, headers.get("content-encoding")]).toEqual([200, undefined]);
    const { runnerId } = await create('{"name":"watched","provider":"RUNNER_PROVIDER_GCP"}');
    await call(`${runners}/DeleteRunner`, `{"force":true,"runnerId":"${runnerId}"}`);
    const received = await client.until("RESOURCE_OPERATION_DELETE");
    // The scanner gives no line before its line feed: a chunk ends with one.
    const lines = goLines(dechunk(received.slice(bodyAt)));
    const event = { resourceId: runnerId, resourceType: "RESOURCE_TYPE_RUNNER" };
    expect(lines[0]).toEqual({ ...event, operation: "RESOURCE_OPERATION_CREATE" });
    expect(lines.at(-1)).toEqual({ ...event, operation: "RESOURCE_OPERATION_DELETE" });
  });

  test("or has the same typed error as of other calls", async () => {
    const answer = await goCall(server.url, "nobody", watch, "{}", "application/jsonl");
    expect(goError(answer)).toMatchObject({ status: 401, code: "unauthenticated" });
    expect(goRetry(answer)).toBeUndefined();
  });
});
