import { afterEach, beforeEach, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { live } from "../fleet/fixture.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const hourMs = 60 * 60 * 1000;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

/** What the audit log has of id tokens about a runner, the oldest first. */
async function actions(subjectId: string): Promise<string[]> {
  const { entries } = await server.client(EventService).listAuditLogs({
    filter: { subjectIds: [subjectId] },
    pagination: { pageSize: 100 },
  });
  return entries
    .map(({ action }) => action)
    .filter((action) => action.startsWith("id_token"))
    .reverse();
}

test("a token that is asked for again and again costs one entry an hour, and one that counts the others", async () => {
  const agent = await live(server);
  const identity = server.client(IdentityService, { token: agent.token });
  for (let turn = 0; turn < 42; turn += 1) await identity.getIDToken({ audience: ["sts.example"] });
  expect(await actions(agent.id)).toEqual(["id_token.create"]);
  server.clock.advance(hourMs);
  await agent.renew({ generation: 0 });
  await identity.getIDToken({ audience: ["sts.example"] });
  await eventually(async () =>
    expect((await actions(agent.id)).toSorted()).toEqual([
      "id_token.create",
      "id_token.create",
      "id_token.create +41",
    ]),
  );
});

test("every audience and every access token has its entry; past 64 audiences of one token one is for all others", async () => {
  const [agent, other] = [await live(server), await live(server)];
  const ask = (token: string, audience: string) =>
    server.client(IdentityService, { token }).getIDToken({ audience: [audience] });
  for (let n = 0; n < 100; n += 1) await ask(agent.token, `audience-${n}`);
  await ask(other.token, "audience-1");
  expect(await actions(agent.id)).toHaveLength(65);
  expect(await actions(other.id)).toHaveLength(1);
  await server.restart();
  // A server that stops counts first.
  expect((await actions(agent.id)).filter((action) => action.includes("+"))).toEqual(["id_token.create +35"]);
});
