import { expect, test } from "vitest";
import { jsonDepth, jsonItems, jsonKeys, scanJson } from "../../src/http/json/json-scan.ts";
import { adminToken, startTestServer } from "../support/server.ts";

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

test("brackets are counted as they nest, but for those inside of texts", () => {
  const tooDeep = `nests deeper than ${jsonDepth} levels`;
  expect(() => scanJson(nested(jsonDepth))).not.toThrow();
  expect(() => scanJson(nested(jsonDepth + 1))).toThrow(tooDeep);
  expect(() => scanJson(`["\\"${nested(500)}"]`)).not.toThrow();
  expect(() => scanJson(`["\\\\",${nested(500)}]`)).toThrow(tooDeep);
  expect(() => scanJson(`[${"{},".repeat(500)}{}]`)).not.toThrow();
});

test("keys and items are counted, wherever they are", () => {
  const tooMany = `more than ${jsonItems} keys and items`;
  expect(() => scanJson(`[${"0,".repeat(jsonItems - 2)}0]`)).not.toThrow();
  expect(() => scanJson(`[${"0,".repeat(jsonItems)}0]`)).toThrow(tooMany);
  expect(() => scanJson("[".concat("[],".repeat(jsonItems / 2), "0]"))).toThrow(tooMany);
  expect(() => scanJson(`["${",".repeat(jsonItems * 2)}"]`)).not.toThrow();
});

test("a key may be there once in each object, however it is written", () => {
  expect(() => scanJson('[{"a":{"a":"a"}},{"a":"b","b":["a","a"]}]')).not.toThrow();
  expect(() => scanJson('{"a":0,"b":{"c":[1,2],"\\u0063":1}}')).toThrow('the JSON has the key "c" twice');
});

test("an object holds no more keys, and a number no more digits, than any request needs", () => {
  const keys = (count: number) => `{${Array.from({ length: count }, (_, at) => `"k${at}":0`).join()}}`;
  expect(() => scanJson(keys(jsonKeys))).not.toThrow();
  expect(() => scanJson(keys(jsonKeys + 1))).toThrow(`an object of more than ${jsonKeys} keys`);
  expect(() => scanJson(`[0.${"1".repeat(1000)},-${"1".repeat(1000)}]`)).not.toThrow();
  expect(() => scanJson(`[${"1".repeat(1001)}]`)).toThrow("a number of more than 1000 digits");
  expect(() => scanJson(`["${"1".repeat(1001)}"]`)).not.toThrow();
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
