import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ListRunnersRequestSchema, ListRunnersResponseSchema } from "../../gen/gitpod/v1/runner_pb.js";
import { type PlainResponse, postJson } from "../support/http.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

interface Page {
  readonly runners: readonly { readonly name: string }[];
  readonly pagination: { readonly nextToken?: string };
}

const list = "gitpod.v1.RunnerService/ListRunners";
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const name of ["one", "two", "three"]) {
    const provider = "RUNNER_PROVIDER_GCP";
    const answer = await server.post("gitpod.v1.RunnerService/CreateRunner", { name, provider });
    server.keepSecret(answer.json<{ exchangeToken: string }>().exchangeToken);
  }
});
afterAll(() => server.close());

const at = (query: string, body: unknown = {}, headers = {}) =>
  server.post(`${list}?${query}`, body, headers);
const names = (answer: PlainResponse) => answer.json<Page>().runners.map(({ name }) => name);
const tokenOf = (answer: PlainResponse) => answer.json<Page>().pagination.nextToken ?? "";

describe("a page that the URL asks for", () => {
  test("is the next one until there is none, with the same body every time", async () => {
    const seen: string[] = [];
    let token = "";
    do {
      const answer = await at(token === "" ? "pageSize=2" : `pageSize=2&token=${token}`, {
        filter: { providers: ["RUNNER_PROVIDER_GCP"] },
      });
      seen.push(...names(answer));
      token = tokenOf(answer);
    } while (token !== "");
    expect(seen).toEqual(["three", "two", "one"]);
  });

  test("keeps the size that the body asks for", async () => {
    const body = { pagination: { pageSize: 1 } };
    const first = await server.post(list, body);
    const second = await at(`token=${tokenOf(first)}`, body);
    expect([names(first), names(second)]).toEqual([["three"], ["two"]]);
  });

  test("wins over the page that the body asks for", async () => {
    const first = await at("pageSize=1");
    const second = await at(`pageSize=1&token=${tokenOf(first)}`);
    const body = { pagination: { pageSize: 2, token: tokenOf(first) } };
    expect(names(await at(`pageSize=1&token=${tokenOf(second)}`, body))).toEqual(["one"]);
    expect(names(await at("token=", body))).toEqual(["three", "two"]);
  });

  test("is found under /api, and with other parameters beside it", async () => {
    const headers = { authorization: `Bearer ${adminToken}` };
    const answer = await postJson(server.url, `api/${list}?trace=1&page_size=9&pageSize=1&`, {}, headers);
    expect(names(answer)).toEqual(["three"]);
  });

  test("is found with a compressed body, and with a binary one", async () => {
    expect(names(await at("pageSize=1", gzipSync("{}"), { "content-encoding": "gzip" }))).toEqual(["three"]);
    const response = await fetch(`${server.url}/${list}?pageSize=1`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/proto" },
      body: toBinary(ListRunnersRequestSchema, create(ListRunnersRequestSchema)),
    });
    const { runners } = fromBinary(ListRunnersResponseSchema, new Uint8Array(await response.arrayBuffer()));
    expect(runners.map(({ name }) => name)).toEqual(["three"]);
  });
});

describe("what is wrong in the URL", () => {
  test.each([
    ["pageSize=x", /URL.*page_size: must be a whole number/],
    ["pageSize=1.5", /URL.*page_size: must be a whole number/],
    ["pageSize=", /URL.*page_size/],
    ["pageSize=99999999999", /URL.*page_size/],
    ["pageSize=-1", /^pagination.page_size: /],
    ["pageSize=101", /^pagination.page_size: /],
    ["pageSize=1&pageSize=2", /URL.*pageSize more than once/],
    ["token=a&token=b", /URL.*token more than once/],
    ["token=nonsense", /token/],
    ["token=%ff%zz", /token/],
  ])("%s is invalid_argument", async (query, message) => {
    const answer = await at(query);
    expect([answer.status, answer.json()]).toEqual([
      400,
      expect.objectContaining({ code: "invalid_argument", message: expect.stringMatching(message) }),
    ]);
  });

  test("is no answer to a caller who is not authenticated", async () => {
    expect((await at("pageSize=x", {}, { authorization: "Bearer nobody" })).status).toBe(401);
  });
});

describe("the parameters mean nothing", () => {
  test("to a method that lists nothing", async () => {
    const answer = await server.post("gitpod.v1.IdentityService/GetAuthenticatedIdentity?pageSize=x", {});
    expect(answer.status).toBe(200);
  });

  test("to a Connect GET, which has its message in the URL", async () => {
    const response = await fetch(`${server.url}/${list}?connect=v1&encoding=json&message={}&pageSize=1`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    expect(((await response.json()) as Page).runners).toHaveLength(3);
  });
});
