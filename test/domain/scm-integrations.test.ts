import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DomainError } from "../../src/domain/errors.ts";
import { integrationOf } from "../../src/domain/host-tokens/host-token.ts";
import { covers, hostKey } from "../../src/domain/scm-integrations/host.ts";
import {
  allows,
  applyScmIntegrationChange,
  endedBy,
  type ScmIntegration,
  type ScmIntegrationChange,
  SignIn,
} from "../../src/domain/scm-integrations/scm-integration.ts";

const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?$/);
// A last label that begins with a digit makes an address of the name, or nothing.
const lastLabel = label.filter((one) => /^[a-z]/i.test(one));
const hostName = fc
  .tuple(fc.array(label, { maxLength: 3 }), lastLabel)
  .map(([labels, last]) => [...labels, last].join("."))
  .filter((name) => !/xn--/i.test(name));
const segment = fc.stringMatching(/^[\w~!$&'()*+,;=:@%-][\w.~-]{0,8}$/);
const path = fc.array(segment, { maxLength: 3 }).map((segments) => segments.map((one) => `/${one}`).join(""));
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const host = fc.tuple(hostName, port, path).map(([name, number, below]) => {
  return `${name}${number === undefined ? "" : `:${number}`}${below}`;
});

/** A host key, or null for what is no host. */
function keyOrNull(text: string): string | null {
  try {
    return hostKey(text);
  } catch (error) {
    if (error instanceof DomainError && error.kind === "invalid") return null;
    throw error;
  }
}

describe("the key of a host", () => {
  test("is the same however the host is written", () => {
    fc.assert(
      fc.property(host, (text) => {
        const key = hostKey(text);
        expect(hostKey(key)).toBe(key);
        for (const other of [text.toUpperCase(), text.toLowerCase(), `${text}/`])
          expect(hostKey(other)).toBe(key);
      }),
    );
    expect(hostKey("GitHub.com:443/A/")).toBe("github.com/a");
    expect(hostKey("github.com:0443")).toBe("github.com");
  });

  test("tells names, ports and paths apart", () => {
    const different = ["a.b", "ab", "a.b:444", "a.b/c", "a.b/c/d", "a.b/cd", "a.b:444/c"].map(hostKey);
    expect(new Set(different).size).toBe(different.length);
  });

  test.each(["0", "127.1", "0x7f.1", "2130706433", "1.2.3", "a.b/%2e%2e/c", "a.b/x/%2E", "[::1]", "a_b"])(
    "is not of %s",
    (text) => expect(keyOrNull(text)).toBeNull(),
  );

  test("is of nothing but hosts: no text leads elsewhere than the URL that is made of it", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" }), host), (text) => {
        const key = keyOrNull(text);
        if (key === null) return;
        const url = new URL(`https://${text.replace(/:0*443(?=\/|$)/, "")}`);
        expect([url.username, url.password, url.search, url.hash]).toEqual(["", "", "", ""]);
        expect(`${url.host}${url.pathname.replace(/\/$/, "")}`.toLowerCase()).toBe(key);
      }),
      { numRuns: 1000 },
    );
  });
});

const integration = (change: Partial<ScmIntegration> = {}): ScmIntegration => ({
  ...{
    id: "i",
    organizationId: "o",
    runnerId: "r",
    scmId: "github",
    host: "github.com",
    hostKey: "github.com",
  },
  ...{ oauth: null, issuerUrl: "", pat: false, virtualDirectory: "", createdAt: 0, ...change },
});
const sealed = (text: string) => ({ sealed: Buffer.from(text), sealedTo: Buffer.from("key") });
const changes: fc.Arbitrary<ScmIntegrationChange> = fc.record(
  {
    oauthClientId: fc.constantFrom("", "one", "two"),
    oauthClientSecret: fc.constantFrom(sealed("a"), sealed("b")),
    pat: fc.boolean(),
    issuerUrl: fc.constantFrom("", "https://login.example"),
  },
  { requiredKeys: [] },
);

test("a change by presence says what is sent, leaves the rest, and ends what it takes away", () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 6 }), (steps) => {
      let before = integration();
      for (const change of steps) {
        const { oauthClientId: id, oauthClientSecret: secret } = change;
        const lacking = before.oauth === null && id !== "" && (id === undefined) !== (secret === undefined);
        if (lacking) {
          expect(() => applyScmIntegrationChange(before, change)).toThrow(DomainError);
          continue;
        }
        const after = applyScmIntegrationChange(before, change);
        expect(after.pat).toBe(change.pat ?? before.pat);
        expect(after.issuerUrl).toBe(change.issuerUrl ?? before.issuerUrl);
        expect(after.oauth?.clientId ?? "").toBe(id ?? before.oauth?.clientId ?? "");
        if (after.oauth !== null) expect(after.oauth.sealed).toBe(secret?.sealed ?? before.oauth?.sealed);
        const ended = Object.values(SignIn).filter((way) => allows(before, way) && !allows(after, way));
        expect(endedBy(before, after)).toEqual(ended);
        before = after;
      }
    }),
  );
});

test("a token is of the integration with the longest host that covers its own", () => {
  const keys = fc.uniqueArray(fc.constantFrom("a.b", "a.b/c", "a.b/c/d", "a.b:444", "a.b:444/c", "x.y"));
  const wanted = fc.constantFrom("a.b", "a.b/c", "a.b/cd", "a.b/c/d/e", "a.b:444/c/d", "x.y/z", "q.r");
  fc.assert(
    fc.property(keys, wanted, (hosts, host) => {
      const integrations = hosts.map((key) => integration({ id: key, host: key, hostKey: key, pat: true }));
      const token = { host, hostKey: host, source: SignIn.PAT, integrationId: null };
      const parts = (text: string) => text.split("/");
      const covering = hosts
        .filter((key) => parts(key).every((part, at) => parts(host)[at] === part))
        .sort((a, b) => b.length - a.length);
      expect(hosts.filter((key) => covers(key, host)).sort()).toEqual(covering.sort());
      const [longest] = covering.sort((a, b) => b.length - a.length);
      if (longest === undefined)
        expect(() => integrationOf(token, integrations)).toThrow("is not configured");
      else expect(integrationOf(token, integrations).id).toBe(longest);
    }),
  );
});
