import { describe, expect, test } from "vitest";
import { LeaseState } from "../../../src/domain/leases/lease.ts";
import {
  deriveStatus,
  type LeaseStanding,
  type StatusFacts,
  storedStanding,
} from "../../../src/domain/leases/status.ts";
import { RunnerPhase, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import { liveFacts } from "./fixture.ts";

const T0 = Date.UTC(2026, 10, 23, 12);
const MINUTE = 60_000;

const fresh: StatusFacts = {
  createdAtMs: T0,
  desiredPhase: RunnerPhase.ACTIVE,
  desiredSinceMs: null,
  deletionAskedAtMs: null,
  message: "",
  signOffReason: "",
  exchangeToken: { issuedAtMs: T0, usedAtMs: null, expiresAtMs: T0 + 1_440 * MINUTE },
};

const live: LeaseStanding = {
  state: LeaseState.LIVE,
  generation: 1,
  phase: RunnerPhase.ACTIVE,
  sinceMs: T0 + MINUTE,
  lastSeenMs: T0 + 2 * MINUTE,
  incident: null,
};

const at = (facts: Partial<StatusFacts>, lease: LeaseStanding | null, now = T0 + 3 * MINUTE) =>
  deriveStatus({ ...fresh, ...facts }, lease, now, 10 * MINUTE);

describe("a runner that has never renewed is CREATED", () => {
  const token = (over: object) => ({
    exchangeToken: { issuedAtMs: T0, usedAtMs: null, expiresAtMs: T0 + 1_440 * MINUTE, ...over },
  });
  test.each([
    ["without a hint while it is fresh", {}, 10 * MINUTE - 1, /^$/],
    [
      "with a hint when the token is unused after ten minutes",
      {},
      10 * MINUTE,
      /not been used since .*2026-11-23T12:00:00Z/,
    ],
    [
      "with a hint when the token was used",
      token({ usedAtMs: T0 + MINUTE }),
      2 * MINUTE,
      /used at 2026-11-23T12:01:00Z, but .* never renewed/,
    ],
    ["with a hint when the token expired", {}, 1_440 * MINUTE, /expired unused at 2026-11-24T12:00:00Z/],
    ["with a hint when there is no token", { exchangeToken: null }, 0, /no exchange token/],
    ["even when an operator paused it", { desiredPhase: RunnerPhase.INACTIVE }, 0, /^$/],
  ])("%s", (_, facts, after, message) => {
    const status = at(facts, null, T0 + after);
    expect(status).toMatchObject({ phase: RunnerPhase.CREATED, sinceMs: T0 });
    expect(status.message).toMatch(message);
  });
});

describe("a runner that has renewed", () => {
  const incident = { id: 1, provider: RunnerProvider.GCP, startedAtMs: T0, base: 40 };
  const paused = { desiredPhase: RunnerPhase.INACTIVE, desiredSinceMs: T0 + 2 * MINUTE };
  const { ACTIVE, DEGRADED, INACTIVE, DELETING } = RunnerPhase;
  test.each<[string, Partial<StatusFacts>, Partial<LeaseStanding>, RunnerPhase, RegExp, number]>([
    ["is ACTIVE", { message: "fine" }, {}, ACTIVE, /^fine$/, 1],
    [
      "is DEGRADED with its own words",
      { message: "disk full" },
      { phase: DEGRADED },
      DEGRADED,
      /^disk full$/,
      1,
    ],
    [
      "is DEGRADED when it winds down by itself",
      {},
      { phase: DELETING },
      DEGRADED,
      /winding down by itself/,
      1,
    ],
    [
      "is INACTIVE when paused",
      paused,
      {},
      INACTIVE,
      /^paused by an operator since 2026-11-23T12:02:00Z$/,
      2,
    ],
    ["is INACTIVE when signed off", {}, { state: LeaseState.SIGNED_OFF }, INACTIVE, /^signed off$/, 1],
    [
      "says why it signed off",
      { signOffReason: "reboot" },
      { state: LeaseState.SIGNED_OFF },
      INACTIVE,
      /^signed off: reboot$/,
      1,
    ],
    [
      "is INACTIVE when lapsed",
      {},
      { state: LeaseState.LAPSED },
      INACTIVE,
      /lapsed at .*12:01:00Z, last heard at .*12:02:00Z/,
      1,
    ],
    ["is INACTIVE when revoked", {}, { state: LeaseState.REVOKED }, INACTIVE, /credentials revoked/, 1],
    [
      "is unreachable in a mass lapse",
      {},
      { state: LeaseState.LAPSED, incident },
      INACTIVE,
      /^unreachable since/,
      1,
    ],
    ["keeps both reasons", paused, { state: LeaseState.LAPSED }, INACTIVE, /lapsed.*also paused/, 1],
    ["is DELETING when deletion was asked for", { deletionAskedAtMs: T0 }, {}, DELETING, /winding down/, 0],
  ])("%s", (_, facts, lease, phase, message, sinceMinute) => {
    const status = at(facts, { ...live, ...lease });
    expect(status).toMatchObject({ phase, sinceMs: T0 + sinceMinute * MINUTE });
    expect(status.message).toMatch(message);
  });
});

test("a runner that only the store calls live is not shown alive", () => {
  expect(at({}, storedStanding(liveFacts(1))).phase).toBe(RunnerPhase.INACTIVE);
});
