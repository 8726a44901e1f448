import fc from "fast-check";
import { expect, test } from "vitest";
import { Backoff } from "../../src/agent/backoff.ts";
import {
  agentVersion,
  defaultTiming,
  hostDetails,
  parseCapability,
  parseServerUrl,
  sendsTokensInClear,
} from "../../src/agent/index.ts";

test("every wait lies between half and all of its bound, and behind what the server asked for", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 60 }), fc.nat(60_000), (draws, asked) => {
      let drawn = 0;
      const backoff = new Backoff(defaultTiming.retry, () => draws[drawn] ?? 0);
      for (; drawn < draws.length; drawn += 1) {
        const wait = backoff.nextMs(asked);
        const bound = Math.min(15_000, 1_000 * 2 ** drawn);
        expect(wait).toBeGreaterThanOrEqual(asked + bound / 2);
        expect(wait).toBeLessThanOrEqual(asked + bound);
      }
      backoff.reset();
      expect(backoff.nextMs()).toBeLessThanOrEqual(1_000);
    }),
  );
});

test("a wait that must be over sooner is, but is never shorter than the first", () => {
  const backoff = new Backoff(defaultTiming.retry, () => 0.999);
  const waits = [100, 100, 100_000, 5_000].map((most) => Math.round(backoff.nextMs(0, most)));
  expect(waits).toEqual([1_000, 1_000, 3_998, 4_998]);
});

test("nothing a server asks for keeps an agent away for ever", () => {
  expect(new Backoff(defaultTiming.retry, () => 0).nextMs(1e12)).toBe(300_500);
});

test.each([
  ["agent-execution", 3],
  ["AGENT_EXECUTION", 3],
  ["RUNNER_CAPABILITY_AGENT_EXECUTION", 3],
  ["17", 17],
  ["0", null],
  ["unspecified", null],
  ["toString", null],
  ["", null],
])("capability %j is %j", (text, value) => expect(parseCapability(text)).toBe(value));

test.each([
  ["https://rollcall.example/api/", "https://rollcall.example/api/"],
  ["http://127.0.0.1:7655", "http://127.0.0.1:7655/"],
  ["rollcall.example", null],
  ["ftp://rollcall.example", null],
  ["https://user:secret@rollcall.example", null],
  ["https://rollcall.example/?a=b", null],
])("server address %j", (text, href) => expect(parseServerUrl(text)?.href ?? null).toBe(href));

test("knows where http is a risk", () => {
  const risky = (url: string) => sendsTokensInClear(new URL(url));
  expect(
    ["http://127.0.0.1", "http://localhost:1", "http://[::1]", "https://far.example"].map(risky),
  ).toEqual([false, false, false, false]);
  expect(risky("http://localhost.far.example")).toBe(true);
});

test("describes this host", () => {
  const details: unknown = JSON.parse(hostDetails(agentVersion()));
  expect(details).toMatchObject({
    os: { platform: process.platform },
    agent: { version: expect.stringMatching(/^rollcall-agent\/\d+\.\d+\.\d+/) },
  });
  expect(details).toHaveProperty("memory.totalBytes", expect.any(Number));
  expect(hostDetails("x")).toBe(hostDetails("x"));
});
