import { gzipSync } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
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

  test("is reported sixteen times at most", async () => {
    const kinds = Array.from({ length: 1000 }, () => "NOPE");
    const { text } = await post("RunnerService/ListRunners", JSON.stringify({ filter: { kinds } }));
    expect(JSON.parse(text).details[0].debug.violations).toHaveLength(16);
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
    ["invalid JSON", Buffer.from('{"na'), "cannot decode message gitpod.v1.CreateRunnerRequest from JSON"],
    ["an empty body", Buffer.from(""), "cannot decode message gitpod.v1.CreateRunnerRequest from JSON"],
    ["a wrong type for an enum", Buffer.from('{"provider":{}}'), "cannot decode enum"],
    ["a list for a message", Buffer.from('{"spec":[]}'), "cannot decode"],
    ["a list for the whole", Buffer.from("[]"), "cannot decode"],
    ["a duplicate key", Buffer.from('{"name":"a","name":"b"}'), "duplicate|multiple times"],
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
