import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CreateRunnerRequestSchema } from "../../gen/gitpod/v1/runner_pb.js";
import { DomainError } from "../../src/domain/errors.ts";
import { toConnectError } from "../../src/rpc/call/errors.ts";

/** What clients take of trailers, in bytes. */
const mostBytes = 8 * 1024;
/** From a byte of ASCII to four bytes that percent-encoding makes twelve. */
const characters = ["a", "%", '"', "\n", "é", "日", "🐢", "\u0000"];
const text = (most: number) =>
  fc
    .tuple(fc.constantFrom(...characters), fc.integer({ min: 0, max: most }), fc.string())
    .map(([one, times, other]) => one.repeat(times) + other);
const fields = ["name", "provider", "spec.configuration.region", "spec.configuration.metrics.url"];
const violation = fc.record({ field: fc.constantFrom(...fields), rule: text(20), message: text(1_000) });

function trailerBytes(error: DomainError): number {
  const headers = new Headers();
  setTrailerStatus(
    headers,
    toConnectError(error, CreateRunnerRequestSchema, () => {}),
  );
  return [...headers].reduce((sum, [name, value]) => sum + name.length + value.length + 2, 0);
}

test("no error outgrows what clients take of gRPC trailers, whatever its message and its violations", () => {
  for (const ofMessage of characters) {
    for (const ofRule of characters) {
      const violations = Array.from({ length: 64 }, (_, at) => ({
        field: fields[at % fields.length] ?? "name",
        rule: "string.max_bytes",
        message: ofRule.repeat(20 * (at + 1)),
      }));
      const longest = new DomainError("invalid", ofMessage.repeat(1_000), { violations });
      expect(trailerBytes(longest)).toBeLessThanOrEqual(mostBytes);
    }
  }
  fc.assert(
    fc.property(text(2_000), fc.array(violation, { maxLength: 64 }), (message, violations) => {
      const error = new DomainError("invalid", message, {
        violations,
        reason: "RATE_LIMITED",
        retryAfterMs: 1_000,
      });
      expect(trailerBytes(error)).toBeLessThanOrEqual(mostBytes);
    }),
  );
});
