import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CreatePersonalAccessTokenRequestSchema } from "../../gen/gitpod/v1/user_pb.js";
import { jsonDecoder } from "../../src/http/json/json-decoder.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

const typo = '{"provider":"RUNNER_PROVIDER_AWS_EC22"}';
let server: Toy;
beforeAll(async () => {
  server = await toyServer({
    handler: {
      requestGate: ({ requestHeader }) => {
        if (requestHeader.get("authorization") === "none")
          throw new ConnectError("who?", Code.Unauthenticated);
      },
    },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function post(procedure: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/gitpod.v1.${procedure}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe("an unknown enum name", () => {
  test("is invalid_argument that names the field and what was expected", async () => {
    const { status, text } = await post("RunnerService/CreateRunner", typo);
    expect(status).toBe(400);
    const error = JSON.parse(text);
    expect(error.code).toBe("invalid_argument");
    expect(error.message).toMatch(
      /^provider: unknown value "RUNNER_PROVIDER_AWS_EC22"; expected one of RUNNER_PROVIDER_AWS_EC2, /,
    );
    expect(error.details[0].type).toBe("buf.validate.Violations");
    expect(error.details[0].debug.violations[0]).toMatchObject({
      ruleId: "enum.known_name",
      field: { elements: [{ fieldName: "provider", fieldNumber: 4 }] },
    });
  });

  test.each([
    ["nested", "RunnerService/CreateRunner", '{"spec":{"desiredPhase":"NOPE"}}', "spec.desired_phase"],
    [
      "under its proto name",
      "RunnerService/CreateRunner",
      '{"spec":{"desired_phase":"NOPE"}}',
      "spec.desired_phase",
    ],
    [
      "repeated",
      "RunnerService/ListRunners",
      '{"filter":{"kinds":["RUNNER_KIND_LOCAL","NOPE"]}}',
      "filter.kinds[1]",
    ],
    [
      "one of many",
      "RunnerService/CreateRunner",
      '{"kind":"A","provider":"B"}',
      'kind: unknown value "A".*; provider: ',
    ],
  ])("is found when %s", async (_name, procedure, body, path) => {
    const { status, text } = await post(procedure, body);
    expect(status).toBe(400);
    expect(JSON.parse(text).message).toMatch(new RegExp(path.replaceAll(/[.[\]](?!\*)/g, "\\$&")));
  });

  test.each(["gzip", "identity"])("is found in a body with encoding %s", async (encoding) => {
    const body = encoding === "gzip" ? gzipSync(typo) : typo;
    const { status, text } = await post("RunnerService/CreateRunner", body, { "content-encoding": encoding });
    expect(status).toBe(400);
    expect(text).toContain("RUNNER_PROVIDER_AWS_EC22");
  });

  test("is found in a Connect GET, plain and as base64", async () => {
    const message = '{"filter":{"kinds":["NOPE"]}}';
    const encoded = Buffer.from(message).toString("base64url");
    for (const query of [`message=${encodeURIComponent(message)}`, `base64=1&message=${encoded}`]) {
      const response = await fetch(
        `${server.url}/gitpod.v1.RunnerService/ListRunners?connect=v1&encoding=json&${query}`,
      );
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("filter.kinds[0]");
    }
  });

  test("is found in a Connect stream", async () => {
    const body = encodeEnvelope(0, Buffer.from('{"resourceTypeFilters":[{"resourceType":"NOPE"}]}'));
    const { text } = await post("EventService/WatchEvents", body, {
      "content-type": "application/connect+json",
    });
    expect(text).toContain('"code":"invalid_argument"');
    expect(text).toContain("resource_type_filters[0].resource_type");
  });

  test("is found in gRPC-Web with JSON", async () => {
    const body = encodeEnvelope(0, Buffer.from(typo));
    const { text } = await post("RunnerService/CreateRunner", body, {
      "content-type": "application/grpc-web+json",
    });
    expect(text).toContain("grpc-status: 3");
    expect(text).toContain("RUNNER_PROVIDER_AWS_EC22");
  });

  test("is no answer to a caller who is not authenticated", async () => {
    const { status } = await post("RunnerService/CreateRunner", typo, { authorization: "none" });
    expect(status).toBe(401);
  });

  test("is cut short in the message", async () => {
    const { text } = await post("RunnerService/CreateRunner", `{"provider":"${"x".repeat(100_000)}"}`);
    expect(text.length).toBeLessThan(5_000);
  });

  test("is reported sixteen times at most, and the rest are counted", async () => {
    const kinds = Array.from({ length: 25 }, () => "NO");
    const { text } = await post("RunnerService/ListRunners", JSON.stringify({ filter: { kinds } }));
    const { message, details } = JSON.parse(text);
    const told = details[0].debug.violations.length;
    expect(told).toBeLessThanOrEqual(16);
    expect(told).toBeGreaterThan(5);
    expect(message).toMatch(new RegExp(`; and ${25 - told} more$`));
  });
});

describe("what is fine in JSON", () => {
  test.each([
    ["an unknown field", '{"name":"abc","nope":1,"spec":{"nope":"x"}}'],
    ["an enum name", '{"name":"abc","provider":"RUNNER_PROVIDER_GCP"}'],
    ["an enum number, known or not", '{"name":"abc","provider":4711}'],
    ["null", '{"name":"abc","provider":null,"spec":null}'],
    ["a byte order mark", '\ufeff{"name":"abc"}'],
  ])("%s", async (_name, body) => {
    const { status, text } = await post("RunnerService/CreateRunner", body);
    expect([status, JSON.parse(text).runner?.name]).toEqual([200, "abc"]);
  });
});

describe("what is malformed", () => {
  test.each([
    ["invalid UTF-8", Buffer.from('{"name":"\xff"}', "latin1"), "the request is not valid UTF-8"],
    ["invalid JSON", Buffer.from('{"name":"a"'), "^the request is not valid JSON: wrong at character 11$"],
    ["what is no JSON at all", Buffer.from("name=a"), "^the request is not valid JSON$"],
    ["an empty body", Buffer.from(""), "^the request is not valid JSON: it ends too early$"],
    [
      "a wrong type for an enum",
      Buffer.from('{"provider":{}}'),
      "^provider: must be the name of a value, or its",
    ],
    ["a list for a message", Buffer.from('{"spec":[]}'), "^spec: must be an object \\[json.type\\]$"],
    ["a list for the whole", Buffer.from("[]"), "^must be an object"],
    ["a duplicate key", Buffer.from('{"name":"a","name":"b"}'), '^the JSON has the key "name" twice$'],
    [
      "a field under both its names",
      Buffer.from('{"runnerManagerId":"","runner_manager_id":""}'),
      "is set twice",
    ],
    ["deep nesting", Buffer.from(`{"name":${"[".repeat(200_000)}`), "deeper than 100 levels"],
  ])("%s is invalid_argument", async (_name, body, message) => {
    const { status, text } = await post("RunnerService/CreateRunner", body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });
});

describe("a value that its field cannot hold is told with field and rule, and nothing of the parser", () => {
  const zeros = "0".repeat(100_000);
  test.each([
    ["a number for a text", "RunnerService/CreateRunner", '{"name":1}', "name: must be a text"],
    ["a lone surrogate", "RunnerService/CreateRunner", '{"name":"\\ud800"}', "name: must be valid Unicode"],
    [
      "a text for a list",
      "RunnerService/ListRunners",
      '{"filter":{"kinds":"x"}}',
      "filter.kinds: must be a list",
    ],
    [
      "null in a list",
      "RunnerService/ListRunners",
      '{"filter":{"kinds":[null]}}',
      "filter.kinds[0]: must not be null",
    ],
    [
      "a text for a number",
      "RunnerService/ListRunners",
      '{"pagination":{"pageSize":"x"}}',
      "pagination.page_size: must be a whole number from -2147483648 to 2147483647",
    ],
    [
      "half a number",
      "RunnerService/ListRunners",
      '{"pagination":{"pageSize":1.5}}',
      "pagination.page_size: must be a whole number",
    ],
    ["a text for a truth", "RunnerService/DeleteRunner", '{"force":"yes"}', "force: must be true or false"],
    [
      "no base64",
      "RunnerService/CreateRunner",
      '{"spec":{"configuration":{"encryptedHoneycombApiKey":"*"}}}',
      "spec.configuration.encrypted_honeycomb_api_key: must be bytes as a text of base64",
    ],
    [
      "a date for a time",
      "EventService/ListAuditLogs",
      '{"filter":{"from":"2026-01-31"}}',
      "filter.from: must be a time such as",
    ],
  ])("%s", async (_name, procedure, body, expected) => {
    const { status, text } = await post(procedure, body);
    const { code, message, details } = JSON.parse(text);
    expect([status, code]).toEqual([400, "invalid_argument"]);
    expect(message).toMatch(/^[a-z_.[\]\d]+: must .* \[json.type\]$/);
    expect(message.startsWith(expected)).toBe(true);
    expect(details[0].debug.violations[0]).toMatchObject({ ruleId: "json.type" });
    expect(text.length).toBeLessThan(2000);
  });

  test.each([
    ["ten digits of a second", "1.0123456789s"],
    ["many digits of a second", `1.${zeros}s`],
    ["more time than protobuf knows", "999999999999s"],
    ["no unit", "1"],
  ])("a duration with %s", (_name, validFor) => {
    const bytes = Buffer.from(JSON.stringify({ validFor }));
    const expected = 'valid_for: must be a duration such as "1.5s"';
    expect(() => jsonDecoder(CreatePersonalAccessTokenRequestSchema).read(bytes)).toThrow(expected);
  });
});
