import { expect, test } from "@jest/globals";
import { isTooDeep, jsonDepth } from "../../src/http/json/json-decoder.ts";
import { adminToken, startTestServer } from "../support/server.ts";

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test("brackets count, those in strings and those that were closed do not", () => {
  expect(isTooDeep(nested(jsonDepth))).toBe(false);
  expect(isTooDeep(nested(jsonDepth + 1))).toBe(true);
  expect(isTooDeep(`["\\"${nested(500)}"]`)).toBe(false);
  expect(isTooDeep(`["\\\\",${nested(500)}]`)).toBe(true);
  expect(isTooDeep(`[${"{},".repeat(500)}{}]`)).toBe(false);
});

test("a request that nests too deep is refused before it is taken apart, and the server goes on", async () => {
  const server = await startTestServer();
  const path = `${server.url}/gitpod.v1.RunnerService/ListRunners`;
  const headers = { "content-type": "application/json", authorization: `Bearer ${adminToken}` };
  for (const body of [`{"unknown":${nested(101)}}`, `{"unknown":${"[".repeat(1_000_000)}`]) {
    const answer = await fetch(path, { method: "POST", headers, body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: "invalid_argument" });
  }
  expect((await server.post("gitpod.v1.RunnerService/ListRunners", {})).status).toBe(200);
  await server.close();
});
