import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Agent, live, pass, statusOf } from "./fixture.ts";

const hour = 3_600_000;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const phaseOf = async ({ id }: Agent) => (await statusOf(server, id)).phase;

describe("the wall clock of the server", () => {
  test.each([hour, -hour])("stepped by %d ms ends no lease early and keeps none alive", async (step) => {
    const agent = await live(server);
    await pass(server, 20_000, agent.id);
    server.clock.step(step);
    await pass(server, 24_000, agent.id);
    expect(await phaseOf(agent)).toBe(RunnerPhase.ACTIVE);
    await agent.renew();
    await pass(server, 44_000, agent.id);
    expect(await phaseOf(agent)).toBe(RunnerPhase.ACTIVE);
    await pass(server, 1_000, agent.id);
    expect(await phaseOf(agent)).toBe(RunnerPhase.INACTIVE);
  });
});

describe("a server that stood still for 20 s", () => {
  test("hears first who called meanwhile, and lapses the silent a little later", async () => {
    const [heard, silent] = [await live(server), await live(server)];
    await pass(server, 30_000, heard.id);
    server.clock.advance(20_000);
    expect(await phaseOf(silent)).toBe(RunnerPhase.ACTIVE);
    await heard.renew();
    await pass(server, 12_000, heard.id);
    expect([await phaseOf(heard), await phaseOf(silent)]).toEqual([RunnerPhase.ACTIVE, RunnerPhase.INACTIVE]);
    expect(server.log.lines()).toContainEqual(
      expect.objectContaining({ msg: "the server stood still; leases wait", stalledMs: 20_000 }),
    );
  });
});

describe("a restart", () => {
  test("lapses nobody falsely: every live lease gets its full length and 15 s more, once", async () => {
    const [heard, silent] = [await live(server), await live(server)];
    await pass(server, 40_000, heard.id);
    await server.restart();
    await pass(server, 58_000, heard.id);
    expect([await phaseOf(heard), await phaseOf(silent)]).toEqual([RunnerPhase.ACTIVE, RunnerPhase.ACTIVE]);
    expect(await heard.renew()).toMatchObject({ generation: 1 });
    await pass(server, 2_000, heard.id);
    expect([await phaseOf(heard), await phaseOf(silent)]).toEqual([RunnerPhase.ACTIVE, RunnerPhase.INACTIVE]);
  });

  test("keeps roughly when a runner was last heard", async () => {
    const agent = await live(server);
    await pass(server, 20_000, agent.id);
    await agent.renew();
    const heardAt = server.clock.now();
    await server.restart();
    await pass(server, 62_000, agent.id);
    const { message } = await statusOf(server, agent.id);
    const said = /last heard at (.*)$/.exec(message)?.[1] ?? "";
    expect(Math.abs(Date.parse(said) - heardAt)).toBeLessThanOrEqual(31_000);
  });

  test("leaves those who had lapsed as they were, with the same time", async () => {
    const agent = await live(server);
    await pass(server, 46_000, agent.id);
    const before = await statusOf(server, agent.id);
    expect(before.phase).toBe(RunnerPhase.INACTIVE);
    await server.restart();
    expect(await statusOf(server, agent.id)).toEqual(before);
    expect(await agent.renew()).toMatchObject({ generation: 1 });
  });
});

describe("40 % of 30 runners of a provider falling silent at once", () => {
  const incidents = () => server.log.lines().filter(({ msg }) => msg === "many runners lapsed at once");

  test("are one incident: unreachable, logged once, over when they come back", async () => {
    const agents: Agent[] = [];
    for (let index = 0; index < 30; index++) agents.push(await live(server, { name: `runner ${index}` }));
    const other = await live(server, { provider: RunnerProvider.GCP });
    const [silent, heard] = [agents.slice(0, 12), [...agents.slice(12), other]];
    await pass(server, 30_000, other.id);
    for (const agent of heard) await agent.renew();
    await pass(server, 16_000, other.id);
    for (const agent of silent) {
      expect(await statusOf(server, agent.id)).toMatchObject({
        phase: RunnerPhase.INACTIVE,
        message: expect.stringMatching(
          /^unreachable since .*, as many runners at once: likely a network problem/,
        ),
      });
    }
    for (const agent of heard) expect(await phaseOf(agent)).toBe(RunnerPhase.ACTIVE);
    expect(incidents()).toMatchObject([{ kind: "tripped", runners: 12 }]);
    for (const agent of silent) await agent.renew();
    await pass(server, 2_000, other.id);
    expect(await phaseOf(silent[0] as Agent)).toBe(RunnerPhase.ACTIVE);
    expect(incidents()).toMatchObject([{ kind: "tripped" }, { kind: "ended", why: "recovered" }]);
  });

  test("deletes none of them: one that was winding down waits for its word or its time", async () => {
    const agents: Agent[] = [];
    for (let index = 0; index < 30; index++) agents.push(await live(server, { name: `runner ${index}` }));
    const [leaving, ...others] = agents as [Agent, ...Agent[]];
    await pass(server, 30_000, leaving.id);
    for (const agent of others.slice(11)) await agent.renew();
    await server.client(RunnerService).deleteRunner({ runnerId: leaving.id });
    await pass(server, 16_000, leaving.id);
    expect(incidents()).toMatchObject([{ kind: "tripped" }]);
    const status = await statusOf(server, leaving.id);
    expect(status.phase).toBe(RunnerPhase.DELETING);
    expect(status.updatedAt && timestampMs(status.updatedAt)).toBe(server.clock.now() - 16_000);
  });
});
