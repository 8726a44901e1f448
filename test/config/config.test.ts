import { describe, expect, test } from "vitest";
import { ConfigError, parseConfig } from "../../src/config/config.ts";
import { type Settings, settings } from "../../src/config/settings-table.ts";
import { DAY_MS } from "../../src/domain/leases/settings.ts";

function problemsOf(set: Settings): string[] {
  try {
    parseConfig(set);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("a lease setting out of bounds is named as the operator set it, in its unit", () => {
  test.each<[Settings, string]>([
    [
      { "renew-interval": "7200" },
      'renew-interval must be a whole number of seconds from 1 to 3600, not "7200"',
    ],
    [{ "renew-grace": "0" }, 'renew-grace must be a whole number of seconds from 1 to 3600, not "0"'],
    [{ "stale-after": "0" }, 'stale-after must be a whole number of days from 1 to 3650, not "0"'],
    [
      { "remove-stale-after": "0" },
      'remove-stale-after must be never, or a whole number of days from 1 to 3650, not "0"',
    ],
    [{ "brake-min-runners": "0" }, 'brake-min-runners must be a whole number from 1 to 1000000, not "0"'],
    [
      { "provider-timing": "GCP=20/10,AWS_EC2=60/3601" },
      'provider-timing: "AWS_EC2=60/3601" must have whole numbers of seconds from 1 to 3600',
    ],
    [
      { "provider-timing": "GCP=0/10" },
      'provider-timing: "GCP=0/10" must have whole numbers of seconds from 1 to 3600',
    ],
  ])("%o", (set, problem) => {
    expect(problemsOf(set)).toEqual([problem]);
  });
});

test.each<[Settings, string]>([
  [{ host: "" }, "host must not be empty"],
  [{ "tls-cert": "", "tls-key": "k" }, "tls-cert must not be empty"],
  [{ reflection: "yes" }, 'reflection must be one of on, off, not "yes"'],
  [{ "metrics-port": "some" }, 'metrics-port must be none, or a whole number from 0 to 65535, not "some"'],
  [
    { "idle-timeout": "1".repeat(5000) },
    `idle-timeout must be a whole number of seconds from 1 to 86400, not "${"1".repeat(100)}…"`,
  ],
  [
    { "external-url": "https://me:secret@r.example" },
    'external-url must be an http or https address such as https://rollcall.example, not "https://…@r.example"',
  ],
  [{ "admin-token": "a secret" }, "admin-token must be 8 or more printable ASCII characters without blanks"],
])("what a setting must be is told by its kind: %j", (set, problem) => {
  expect(problemsOf(set)).toEqual([problem]);
});

test("of every setting, the default means what the same text would, and the edges of the range are held", () => {
  for (const { flag, fallback, default: value, range, parse } of settings) {
    const wrong: string[] = [];
    const read = (text: string) => parse(text, (sentence) => wrong.push(sentence));
    const isWritten = value !== null || fallback === "never" || fallback === "none";
    if (isWritten && !Array.isArray(value) && fallback !== "") {
      expect([flag, read(fallback)]).toEqual([flag, value]);
    }
    const [, from, to] = /^(\d+) to (\d+)$/.exec(range) ?? [];
    if (from === undefined || to === undefined) continue;
    read(from);
    read(to);
    expect(wrong).toEqual([]);
    read(String(Number(from) - 1));
    read(String(Number(to) + 1));
    expect(wrong).toEqual([
      `${flag} must be ${ruleOf(wrong)} from ${from} to ${to}, not "${Number(from) - 1}"`,
      `${flag} must be ${ruleOf(wrong)} from ${from} to ${to}, not "${Number(to) + 1}"`,
    ]);
  }
});

/** What a number is of, as the first sentence says it. */
function ruleOf([sentence = ""]: readonly string[]): string {
  return / must be (.*a whole number.*?) from /.exec(sentence)?.[1] ?? "";
}

test("no two settings share a flag", () => {
  const flags = settings.map(({ flag }) => flag);
  expect(new Set(flags).size).toBe(flags.length);
});

test("every problem is told at once", () => {
  expect(problemsOf({ "renew-interval": "x", "remove-stale-after": "-1", port: "65536" })).toHaveLength(3);
});

test("what is just inside the bounds is taken", () => {
  for (const [seconds, days] of [
    ["1", "1"],
    ["3600", "3650"],
  ] as const) {
    const { leases } = parseConfig({
      "renew-interval": seconds,
      "renew-grace": seconds,
      "provider-timing": `GCP=${seconds}/${seconds}`,
      "stale-after": days,
      "remove-stale-after": days,
    });
    expect(leases.timing).toEqual({ intervalMs: Number(seconds) * 1000, graceMs: Number(seconds) * 1000 });
    expect(leases.cleanup.staleAfterMs).toBe(Number(days) * DAY_MS);
  }
  expect(parseConfig({ "remove-stale-after": "never" }).leases.cleanup.removeAfterMs).toBeNull();
});
