import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMatrix } from "../access/matrix.ts";
import { callMaker } from "../access/requests.ts";
import { services } from "../access/services.ts";
import { kinds, makeWorld, type World } from "../access/world.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { agentOf, call, comparable, entriesOf, tokenOf } from "./audit/calls.ts";
import { audited } from "./audit/cases.ts";
import "./audit/configuration-cases.ts";
import "./audit/operator-cases.ts";
import "./audit/people-cases.ts";
import "./audit/runner-cases.ts";
import { type AuditRecording, recordAudit } from "./audit/record.ts";

// Every method of every service, by the descriptors. docs/access.md has a row for each one that is served;
// test/access/matrix.test.ts sees to that.
const matrix = readMatrix();
const nameOf = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;
const served = (await services())
  .flatMap((service) => service.methods)
  .filter((method) => matrix.has(nameOf(method)));
const reads = ({ idempotency }: DescMethod) => idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
const named = (methods: readonly DescMethod[]) => methods.map((method) => [nameOf(method), method] as const);

let server: TestServer;
let world: World;
let record: AuditRecording;
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
  record = recordAudit(server.config.dataDir);
});
afterAll(async () => {
  record.close();
  await server.close();
});

function caseOf(method: DescMethod) {
  const found = audited.get(method);
  if (found === undefined) throw new Error(`${nameOf(method)}: say in test/rpc/audit what it leaves`);
  return found;
}

test("methods are written down that are served and change something, and no others", () => {
  const changing = served.filter((method) => !reads(method)).map(nameOf);
  expect([...audited.keys()].map(nameOf).sort()).toEqual(changing.sort());
  expect(changing.length).toBeGreaterThan(40);
});

describe("a call that is answered leaves just its entries, in the organisations that it concerns", () => {
  test.each(named(served.filter((method) => !reads(method))))("%s", async (_name, method) => {
    const { as, prepare } = caseOf(method);
    const made = await prepare(world);
    server.clock.advance(1000);
    record.take();
    const answer = await call(world, method, made.request, tokenOf(world, as), world.stir);
    const written = record.take();
    const acts = await made.acts(answer as Parameters<typeof made.acts>[0]);
    const expected = entriesOf(world, method, made, { kind: as, acts });
    // What others did meanwhile, to have something to tell a watcher, is not the watcher's.
    const own = method.methodKind === "server_streaming" ? written.filter(isOf(method)) : written;
    expect(own.map(comparable)).toEqual(expected);
  });
});

describe("a call that only reads leaves none", () => {
  test.each(named(served.filter(reads)))("%s", async (_name, method) => {
    const { request } = (await callMaker(method)?.(world, "org admin")) ?? { request: {} };
    record.take();
    await call(world, method, request, tokenOf(world, "org admin"));
    expect(record.take()).toEqual([]);
  });
});

describe("a call that is refused leaves none", () => {
  test.each(named(served.filter((method) => !reads(method))))("%s", async (_name, method) => {
    const { as, invalid } = caseOf(method);
    if (invalid !== null) {
      record.take();
      const { code } = await refusal(call(world, method, invalid, tokenOf(world, as)));
      // A second report of metrics within a second is refused before its rules are judged.
      expect(code).toMatch(/^(invalid_argument|unauthenticated|resource_exhausted)$/);
      expect(record.take()).toEqual([]);
    }
    // One caller for each way in which the matrix has the method refused.
    const row = matrix.get(nameOf(method));
    const outcomes = new Map(kinds.map((kind) => [row?.[kind], kind]));
    outcomes.delete("yes");
    for (const kind of outcomes.values()) {
      const made = await callMaker(method)?.(world, kind);
      record.take();
      await refusal(call(world, method, made?.request ?? {}, made?.token ?? tokenOf(world, kind)));
      expect(record.take()).toEqual([]);
    }
  });
});

function isOf(method: DescMethod) {
  return ({ userAgent }: { readonly userAgent: string }) => userAgent === agentOf(method);
}
