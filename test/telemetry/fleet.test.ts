import { afterEach, describe, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { DAY_MS } from "../../src/domain/leases/settings.ts";
import { type Agent, live, pass, register, setPhase } from "../fleet/fixture.ts";
import { eventually } from "../support/eventually.ts";
import { scrape } from "../support/metrics.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";

let server: TestServer;
afterEach(() => server.close());
const start = async (options: TestServerOptions = {}) => {
  server = await startTestServer(options);
};

const gcp = { provider: RunnerProvider.GCP };
const byReason = async (provider: string) => {
  const { sum } = await scrape(server);
  const of = (reason: string) => sum("rollcall_runners_offline", { provider, reason });
  return [of("never_connected"), of("lapsed"), of("signed_off"), of("revoked")];
};
/** A count of all runners serves for ten seconds. */
const later = () => server.clock.advance(10_001);

describe("the metrics of a fleet", () => {
  test("show every provider and phase from the beginning, so that a rate sees the first of each", async () => {
    await start();
    const { text, sum } = await scrape(server);
    for (const provider of ["AWS_EC2", "GCP", "LINUX_HOST", "DESKTOP_MAC", "MANAGED", "DEV_AGENT"]) {
      expect(text).toContain(`rollcall_runners_live{provider="${provider}",phase="active"} 0\n`);
      expect(text).toContain(`rollcall_lease_transitions_total{provider="${provider}",kind="lapsed"} 0\n`);
      expect(text).toContain(`rollcall_lease_brake_engaged{provider="${provider}"} 0\n`);
    }
    expect(text).not.toContain("UNSPECIFIED");
    expect(sum("rollcall_runners_live")).toBe(0);
  });

  test("show live runners by provider and phase", async () => {
    await start();
    const agents = [await live(server), await live(server, gcp), await live(server, gcp)];
    await agents[2]?.renew({ status: { phase: RunnerPhase.DEGRADED, message: "disk" } });
    const { sum } = await scrape(server);
    const of = (provider: string, phase: string) => sum("rollcall_runners_live", { provider, phase });
    expect([of("AWS_EC2", "active"), of("GCP", "active"), of("GCP", "degraded")]).toEqual([1, 1, 1]);
    expect(sum("rollcall_runners_live")).toBe(3);
    expect(sum("rollcall_lease_renewals_total")).toBe(7);
    expect(sum("rollcall_lease_transitions_total", { kind: "opened" })).toBe(3);
    expect(sum("rollcall_lease_transitions_total", { kind: "phase", provider: "GCP" })).toBe(1);
    expect(sum("rollcall_lease_interval_stretch_ratio")).toBe(1);
  });

  test("show a lapse at once, and how late it was found", async () => {
    await start();
    const agent = await live(server);
    await pass(server, 44_000, agent.id);
    expect((await scrape(server)).sum("rollcall_runners_live")).toBe(1);
    await pass(server, 2_000, agent.id);
    const { sum } = await scrape(server);
    expect(sum("rollcall_runners_live")).toBe(0);
    expect(sum("rollcall_lease_transitions_total", { kind: "lapsed", provider: "AWS_EC2" })).toBe(1);
    expect(sum("rollcall_lease_detection_delay_seconds_count")).toBe(1);
    expect(sum("rollcall_lease_detection_delay_seconds_sum")).toBeLessThanOrEqual(2);
  });

  test("show who is offline and how that came", async () => {
    await start();
    await register(server, gcp);
    const [lapsed, gone, cut] = [await live(server), await live(server), await live(server)];
    await gone.calls.signOff({ generation: gone.generation, reason: "done" });
    await server.client(RunnerService).deleteRunner({ runnerId: cut.id, force: true });
    await pass(server, 46_000, lapsed.id);
    await eventually(async () => {
      later();
      expect(await byReason("AWS_EC2")).toEqual([0, 1, 1, 0]);
      expect(await byReason("GCP")).toEqual([1, 0, 0, 0]);
    });
  });

  test("show who has been offline for long enough to be stale", async () => {
    await start();
    await register(server);
    expect((await scrape(server)).sum("rollcall_runners_stale")).toBe(0);
    server.clock.advance(14 * DAY_MS + 1);
    await register(server, gcp);
    const { sum } = await scrape(server);
    expect(sum("rollcall_runners_stale", { provider: "AWS_EC2" })).toBe(1);
    expect(sum("rollcall_runners_stale")).toBe(1);
  });

  test("count all runners once in ten seconds, however often they are asked", async () => {
    await start();
    await scrape(server);
    await register(server);
    expect(await byReason("AWS_EC2")).toEqual([0, 0, 0, 0]);
    later();
    expect(await byReason("AWS_EC2")).toEqual([1, 0, 0, 0]);
  });

  test("show the brake while many lapses count as one incident", async () => {
    await start();
    const agents: Agent[] = [];
    for (let left = 20; left > 0; left -= 1) agents.push(await live(server, gcp));
    const [first] = agents;
    if (first === undefined) throw new Error("no agents");
    await pass(server, 46_000, first.id);
    const engaged = await scrape(server);
    expect(engaged.sum("rollcall_lease_brake_engaged", { provider: "GCP" })).toBe(1);
    expect(engaged.sum("rollcall_lease_brake_engaged")).toBe(1);
    expect(engaged.sum("rollcall_runners_unreachable", { provider: "GCP" })).toBe(20);
    expect(engaged.sum("rollcall_mass_lapses_total", { provider: "GCP" })).toBe(1);
    for (const agent of agents) await agent.renew();
    await pass(server, 2_000, first.id);
    const over = await scrape(server);
    expect(over.sum("rollcall_lease_brake_engaged")).toBe(0);
    expect(over.sum("rollcall_runners_unreachable")).toBe(0);
    expect(over.sum("rollcall_runners_live", { provider: "GCP" })).toBe(20);
  });

  test("show who winds down, and who waits for news", async () => {
    await start();
    const agent = await live(server);
    const watch = agent.watch();
    await setPhase(server, agent.id, RunnerPhase.INACTIVE);
    await watch.next();
    expect((await scrape(server)).sum("rollcall_watchers", { kind: "runner" })).toBe(1);
    await server.client(RunnerService).deleteRunner({ runnerId: agent.id });
    expect((await scrape(server)).sum("rollcall_runners_winding_down")).toBe(1);
    watch.close();
    await eventually(async () => expect((await scrape(server)).sum("rollcall_watchers")).toBe(0));
  });
});

test("a stall of the server is counted", async () => {
  await start();
  const agent = await live(server);
  server.clock.advance(7_000);
  await agent.renew();
  const { sum } = await scrape(server);
  expect(sum("rollcall_stalls_total")).toBe(1);
  expect(sum("rollcall_stalled_seconds_total")).toBeCloseTo(7, 1);
});

test("the metrics of the store show its commits, its size and its room", async () => {
  await start();
  const before = (await scrape(server)).sum("rollcall_store_commit_writes_count");
  await register(server);
  const { sum } = await scrape(server);
  expect(sum("rollcall_store_commit_writes_count")).toBeGreaterThan(before);
  expect(sum("rollcall_store_commit_writes_sum")).toBeGreaterThanOrEqual(
    sum("rollcall_store_commit_writes_count"),
  );
  expect(sum("rollcall_store_commit_duration_seconds_count")).toBe(sum("rollcall_store_commit_writes_count"));
  expect(sum("rollcall_store_size_bytes", { part: "database" })).toBeGreaterThan(100_000);
  expect(sum("rollcall_store_size_bytes", { part: "log" })).toBeGreaterThan(0);
  expect(sum("rollcall_store_disk_available_bytes")).toBeGreaterThan(1_000_000);
  expect(sum("rollcall_store_refusing_writes")).toBe(0);
});

test("calls that come too often are counted by what there were too many of", async () => {
  await start({ config: { callRates: { perToken: 1, perAddress: 1, burstSeconds: 1 } } });
  const known = server.client(RunnerService);
  await known.listRunners({});
  await refusal(known.listRunners({}));
  const stranger = server.client(IdentityService, { token: "nobody's" });
  for (let left = 3; left > 0; left -= 1) await refusal(stranger.getAuthenticatedIdentity({}));
  // Scrapes count as calls do.
  server.clock.advance(1000);
  const { sum } = await scrape(server);
  expect(sum("rollcall_rate_limited_calls_total", { by: "token" })).toBe(1);
  expect(sum("rollcall_rate_limited_calls_total", { by: "address" })).toBe(2);
});

test("open connections are counted, and how many there may be", async () => {
  await start();
  await server.client(RunnerService).listRunners({});
  const { sum } = await scrape(server);
  expect(sum("rollcall_connections")).toBe(2);
  expect(sum("rollcall_connections_limit")).toBe(20_000);
});
