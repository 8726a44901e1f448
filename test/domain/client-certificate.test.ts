import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import {
  bindingOf,
  checkCertificate,
  noCertificate,
  type ShownCertificate,
} from "../../src/domain/tokens/client-certificate.ts";

const name = (text: string) => createHash("sha256").update(text).digest();
const shown: Record<string, ShownCertificate> = {
  nothing: noCertificate,
  mine: { kind: "valid", name: name("mine") },
  other: { kind: "valid", name: name("other") },
  bad: { kind: "invalid", why: "CERT_HAS_EXPIRED" },
};

test.each([
  ["off", null, { nothing: "", mine: "", other: "", bad: "" }],
  ["off", "mine", { nothing: "", mine: "", other: "", bad: "" }],
  ["optional", null, { nothing: "", mine: "", other: "", bad: "INVALID" }],
  ["optional", "mine", { nothing: "REQUIRED", mine: "", other: "MISMATCH", bad: "INVALID" }],
  ["required", null, { nothing: "REQUIRED", mine: "", other: "", bad: "INVALID" }],
  ["required", "mine", { nothing: "REQUIRED", mine: "", other: "MISMATCH", bad: "INVALID" }],
] as const)("with certificates %s, a token bound to %s", (policy, bound, expected) => {
  const outcomes = Object.entries(shown).map(([what, certificate]) => {
    try {
      checkCertificate(policy, certificate, bound && name(bound));
      return [what, ""];
    } catch (error) {
      expect(error).toMatchObject({ kind: "unauthenticated" });
      return [what, (error as { reason: string }).reason.replace("CLIENT_CERTIFICATE_", "")];
    }
  });
  expect(Object.fromEntries(outcomes)).toEqual(expected);
});

test("a token is bound to what was shown, if that was asked for and is good", () => {
  expect(bindingOf("required", shown.mine ?? noCertificate)).toEqual(name("mine"));
  expect(bindingOf("off", shown.mine ?? noCertificate)).toBeNull();
  for (const certificate of [noCertificate, shown.bad ?? noCertificate]) {
    expect(bindingOf("optional", certificate)).toBeNull();
  }
});
