import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { readMatrix } from "./matrix.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { callMaker } from "./requests.ts";
import { services } from "./services.ts";
import { type Kind, kinds, makeWorld, type World } from "./world.ts";

// docs/access.md says who may do what; this finds out whether it is so.

const matrix = readMatrix();
const declared = await services();
const nameOf = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;
const methods = declared.flatMap((service) => service.methods);

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
});
afterAll(() => server.close());

/** What every kind of caller gets to hear when it calls the method. */
async function observed(method: DescMethod): Promise<Record<Kind, Outcome>> {
  const heard: [Kind, Outcome][] = [];
  for (const kind of kinds) {
    const { request, token } = (await callMaker(method)?.(world, kind)) ?? { request: {} };
    const secret = token ?? world.actors[kind]?.token ?? null;
    heard.push([kind, await outcome(server, method, request, secret, world.stir)]);
  }
  return Object.fromEntries(heard) as Record<Kind, Outcome>;
}

/** Of a method without a row. */
function notServed(method: DescMethod): Record<Kind, Outcome> {
  const changes = method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  const answer = (kind: Kind) => {
    if (kind === "nobody") return "unauthenticated";
    return kind === "read-only" && changes ? "no" : "unimplemented";
  };
  return Object.fromEntries(kinds.map((kind) => [kind, answer(kind)])) as Record<Kind, Outcome>;
}

test("every row is about a method that there is", () => {
  const names = new Set(methods.map(nameOf));
  expect([...matrix.keys()].filter((name) => !names.has(name))).toEqual([]);
  expect(matrix.size).toBeGreaterThan(60);
});

describe.each(declared.map((service) => [service.typeName, service] as const))("%s", (_name, service) => {
  const listed = service.methods.filter((method) => matrix.has(nameOf(method)));
  const others = service.methods.filter((method) => !matrix.has(nameOf(method)));

  if (listed.length > 0) {
    test.each(listed.map((method) => [method.name, method] as const))("%s", async (_method, method) => {
      expect(callMaker(method)).toBeDefined();
      expect(await observed(method)).toEqual(matrix.get(nameOf(method)));
    });
  }
  if (others.length > 0) {
    test("does not serve the methods without a row", async () => {
      for (const method of others) {
        expect({ method: method.name, ...(await observed(method)) }).toEqual({
          method: method.name,
          ...notServed(method),
        });
      }
    });
  }
});
