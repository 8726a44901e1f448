import { afterEach, expect, test } from "vitest";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { runCommand } from "../support/command.ts";
import { besideServer } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { byUser, newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { change, live, realClock, setPhase, statusOf } from "./fixture.ts";

let server: TestServer;
const start = async (options: TestServerOptions = {}) => {
  server = await startTestServer(options);
};
afterEach(() => server.close());

/** `rollcall …` in a process of its own, on the data of the server. */
async function cli(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand([...words, "--data-dir", server.config.dataDir]);
  expect([words, code, stderr]).toEqual([words, 0, ""]);
  return stdout;
}

test("a stream brings pause, a new spec and the wind-down at once", async () => {
  await start();
  const agent = await live(server);
  const watch = agent.watch();
  const first = watch.next();
  await setPhase(server, agent.id, RunnerPhase.INACTIVE);
  expect(await first).toMatchObject({
    case: "wanted",
    value: { revision: 2, spec: { desiredPhase: RunnerPhase.INACTIVE } },
  });
  const second = watch.next();
  await change(server, agent.id, { configuration: { autoUpdate: true } });
  expect(await second).toMatchObject({
    case: "wanted",
    value: { revision: 3, spec: { configuration: { autoUpdate: true } } },
  });
  const third = watch.next();
  await server.client(RunnerService).deleteRunner({ runnerId: agent.id });
  expect(await third).toMatchObject({ case: "windDown", value: { remaining: { seconds: 60n } } });
  watch.close();
});

test("a stream that opens late starts with what it missed", async () => {
  await start();
  const agent = await live(server);
  await setPhase(server, agent.id, RunnerPhase.INACTIVE);
  await server.client(RunnerService).deleteRunner({ runnerId: agent.id });
  const watch = agent.watch();
  expect(await watch.next()).toMatchObject({ case: "wanted", value: { revision: 2 } });
  expect(await watch.next()).toMatchObject({ case: "windDown" });
  watch.close();
});

test("a change of the name alone is no news to the runner", async () => {
  await start();
  const agent = await live(server);
  const watch = agent.watch();
  const next = watch.next();
  await server.client(RunnerService).updateRunner({ runnerId: agent.id, name: "renamed" });
  await setPhase(server, agent.id, RunnerPhase.INACTIVE);
  expect(await next).toMatchObject({ value: { spec: { desiredPhase: RunnerPhase.INACTIVE } } });
  watch.close();
});

test("a newer generation ends the stream of the older one", async () => {
  await start();
  const agent = await live(server);
  const older = agent.watch();
  const ended = older.ended();
  await agent.renew({ generation: 0 });
  expect(await refusal(Promise.reject(await ended))).toMatchObject({ code: "aborted", reason: "SUPERSEDED" });
  const newer = agent.watch();
  const next = newer.next();
  await setPhase(server, agent.id, RunnerPhase.INACTIVE);
  expect(await next).toMatchObject({ case: "wanted" });
  newer.close();
});

test("signing off ends the stream", async () => {
  await start();
  const agent = await live(server);
  const ended = agent.watch().ended();
  await agent.renew();
  await agent.calls.signOff({ generation: agent.generation });
  expect(await refusal(Promise.reject(await ended))).toMatchObject({ reason: "GENERATION_ENDED" });
});

test("a token that another process revokes ends lease and stream", async () => {
  await start({ clock: realClock() });
  const agent = await live(server);
  const bystander = await live(server);
  const other = bystander.watch();
  const others = other.next();
  const ended = agent.watch().ended();
  await agent.renew();
  const [token] = JSON.parse(await cli("token", "list", "--runner", agent.id, "--output", "json"));
  await cli("token", "revoke", token.id);
  expect(await refusal(Promise.reject(await ended))).toMatchObject({
    code: "unauthenticated",
    reason: "TOKEN_REVOKED",
  });
  expect(await refusal(agent.renew())).toMatchObject({ code: "unauthenticated", reason: "TOKEN_REVOKED" });
  await eventually(async () => {
    expect(await statusOf(server, agent.id)).toMatchObject({
      phase: RunnerPhase.INACTIVE,
      message: expect.stringMatching(/^credentials revoked at /),
    });
  });
  await setPhase(server, bystander.id, RunnerPhase.INACTIVE);
  expect(await others).toMatchObject({ case: "wanted" });
  other.close();
});

test("a revocation is noticed after the wall clock was set back, too", async () => {
  await start();
  const agent = await live(server);
  const watch = agent.watch();
  const ended = watch.ended();
  await agent.renew();
  server.clock.step(-3_600_000);
  await besideServer(server.config.dataDir, async ({ founding, tokens }) => {
    const organizationId = (await founding.first())?.organization.id ?? "";
    const [token] = await tokens.listAccessTokens(organizationId, agent.id);
    await tokens.revokeAccessToken(byUser(newId(), organizationId), token?.id ?? "", server.clock.now());
  });
  server.clock.advance(1_000);
  expect(await refusal(Promise.reject(await ended))).toMatchObject({ reason: "TOKEN_REVOKED" });
});

test("a server that shuts down ends streams with an error that agents retry", async () => {
  await start();
  const agent = await live(server);
  const ended = agent.watch().ended();
  await agent.renew();
  await server.restart();
  expect((await ended).rawMessage).toMatch(/shutting down|closed|connection/);
  expect(await agent.renew()).toMatchObject({ generation: 1 });
});
