import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DomainError } from "../../../src/domain/errors.ts";
import { Overload, type SheddingStep, type Urgency } from "../../../src/domain/limits/overload.ts";
import { testClock } from "../../support/clock.ts";

const order: SheddingStep[] = [
  "nothing",
  "changes of the busiest",
  "reads of the busiest",
  "all changes",
  "all reads",
];

const make = (delayMs = 100) => {
  const clock = testClock();
  const overload = new Overload({ delayMs, clock });
  const isAdmitted = (urgency: Urgency, organization: string) => {
    try {
      overload.admit(urgency, organization);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(DomainError);
      return false;
    }
  };
  const samples = (count: number, lateMs: number) => {
    for (let i = 0; i < count; i += 1) overload.sample(lateMs);
  };
  return { clock, overload, isAdmitted, samples };
};
/** A second in which `busy` calls ten times as often as each of the others. */
const aSecond = ({ clock, isAdmitted }: ReturnType<typeof make>, others: readonly string[]) => {
  for (let i = 0; i < 10; i += 1) isAdmitted("read", "busy");
  for (const other of others) isAdmitted("read", other);
  clock.advance(1000);
};

describe("steps", () => {
  test("four late samples in a row are a step up, ten early ones a step down", () => {
    const { overload, samples } = make();
    samples(3, 101);
    expect(overload.step).toBe("nothing");
    expect(overload.sample(101)).toBe(order[1]);
    samples(12, 101);
    expect(overload.step).toBe(order[4]);
    samples(100, 101);
    expect(overload.step).toBe(order[4]);
    samples(9, 50);
    expect(overload.step).toBe(order[4]);
    expect(overload.sample(50)).toBe(order[3]);
  });

  test("one slow moment, or what is neither late nor early, changes nothing", () => {
    const { overload, samples } = make();
    for (let i = 0; i < 20; i += 1) {
      samples(3, 5000);
      samples(1, 100);
    }
    expect(overload.step).toBe("nothing");
    samples(4, 101);
    for (let i = 0; i < 20; i += 1) {
      samples(9, 0);
      samples(1, 51);
    }
    expect(overload.step).toBe(order[1]);
  });

  test("a delay of 0 sheds nothing", () => {
    const { overload, samples } = make(0);
    samples(100, 60_000);
    expect(overload.step).toBe("nothing");
  });
});

describe("what is refused", () => {
  test.each([
    [0, { busy: ["read", "change"], other: ["read", "change"] }],
    [1, { busy: ["read"], other: ["read", "change"] }],
    [2, { busy: [], other: ["read", "change"] }],
    [3, { busy: [], other: ["read"] }],
    [4, { busy: [], other: [] }],
  ])("at step %i", (step, admitted) => {
    const made = make();
    aSecond(made, ["a", "b"]);
    made.samples(step * 4, 101);
    const urgencies: Urgency[] = ["read", "change"];
    const passed = (organization: string) =>
      urgencies.filter((urgency) => made.isAdmitted(urgency, organization));
    expect({ busy: passed("busy"), other: passed("a") }).toEqual(admitted);
    expect(made.isAdmitted("renewal", "busy")).toBe(true);
  });

  test("the only organisation is the busiest, and one that stops is not for long", () => {
    const made = make();
    made.samples(8, 101);
    expect(made.isAdmitted("read", "alone")).toBe(false);
    aSecond(made, ["a", "b"]);
    expect(made.isAdmitted("read", "busy")).toBe(false);
    for (const name of ["a", "b", "c"]) made.isAdmitted("read", name);
    made.clock.advance(1000);
    expect(made.isAdmitted("read", "busy")).toBe(true);
  });

  test("who is refused goes on counting: a flood stays a flood", () => {
    const made = make();
    aSecond(made, ["a", "b"]);
    made.samples(8, 101);
    for (let second = 0; second < 5; second += 1) {
      expect(made.isAdmitted("read", "busy")).toBe(false);
      expect(made.isAdmitted("read", "a")).toBe(true);
      aSecond(made, ["a", "b"]);
    }
    expect(made.overload.refused.read).toBeGreaterThan(50);
  });

  test("organisations that call alike are refused alike", () => {
    const made = make();
    for (let i = 0; i < 30; i += 1) made.isAdmitted("read", `organization ${i % 3}`);
    made.clock.advance(1000);
    made.samples(8, 101);
    expect(made.isAdmitted("change", "organization 0")).toBe(true);
    made.samples(4, 101);
    expect(made.isAdmitted("change", "organization 0")).toBe(false);
    expect(made.isAdmitted("read", "organization 0")).toBe(true);
  });

  test("those who are refused come back one to five seconds later", () => {
    const { overload, samples } = make();
    samples(16, 101);
    const waits = Array.from({ length: 50 }, () => {
      try {
        overload.admit("change", "a");
      } catch (error) {
        return error instanceof DomainError ? error.retryAfterMs : 0;
      }
      return 0;
    });
    expect([...new Set(waits)].sort()).toEqual([1000, 2000, 3000, 4000, 5000]);
  });
});

test("whatever happens, a renewal is admitted, and a read where a change would be", () => {
  const event = fc.oneof(
    fc.record({ late: fc.constantFrom(0, 60, 101, 5000), times: fc.nat(20) }),
    fc.record({
      by: fc.constantFrom("a", "b", "c"),
      calls: fc.nat(30),
      passes: fc.constantFrom(0, 400, 1000),
    }),
  );
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const { clock, overload, isAdmitted, samples } = make();
      for (const happened of events) {
        if ("late" in happened) samples(happened.times, happened.late);
        else {
          for (let i = 0; i < happened.calls; i += 1) isAdmitted("change", happened.by);
          clock.advance(happened.passes);
        }
        for (const organization of ["a", "b", "c"]) {
          overload.admit("renewal", organization);
          if (isAdmitted("change", organization)) overload.admit("read", organization);
        }
      }
    }),
  );
});
