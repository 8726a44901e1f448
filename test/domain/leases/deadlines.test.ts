import fc from "fast-check";
import { expect, test } from "vitest";
import { type DeadlineItem, Deadlines } from "../../../src/domain/leases/deadlines.ts";

interface Item extends DeadlineItem {
  readonly name: number;
}

const itemOf = (name: number): Item => ({ name, deadline: 0, heapIndex: -1, slot: -1 });

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      item: fc.nat(20),
      in: fc.integer({ min: -500, max: 9_000 }),
    }),
  },
  fc.record({ kind: fc.constant("remove" as const), item: fc.nat(20) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(4_000) }),
  // As a server that stood still.
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(60_000) }),
);

test("deadlines agree with a list that is searched, while time passes", () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 200 }),
      fc.integer({ min: 1_000, max: 100_000 }),
      (commands, start) => {
        const deadlines = new Deadlines<Item>();
        const items = Array.from({ length: 21 }, (_, name) => itemOf(name));
        const model = new Map<number, number>();
        let now = start;
        for (const c of commands) {
          if (c.kind === "wait") {
            now += c.ms;
            const due: number[] = [];
            for (let item = deadlines.popDue(now); item !== undefined; item = deadlines.popDue(now)) {
              expect(item.deadline).toBe(model.get(item.name));
              model.delete(item.name);
              due.push(item.deadline);
            }
            expect(due).toEqual([...due].sort((a, b) => a - b));
            expect(Math.max(...due)).toBeLessThanOrEqual(now);
          } else {
            const item = items[c.item];
            if (item === undefined) throw new Error("no such item");
            if (c.kind === "set") {
              deadlines.set(item, now + c.in);
              model.set(c.item, now + c.in);
              expect(item.deadline).toBe(now + c.in);
            } else {
              deadlines.remove(item);
              model.delete(c.item);
            }
          }
          expect(deadlines.size).toBe(model.size);
          const earliest = Math.min(...model.values());
          // Who waits until then must not look again at once.
          if (c.kind === "wait") expect(deadlines.nextAt()).toBeGreaterThan(now);
          expect(deadlines.nextAt()).toBeLessThanOrEqual(earliest);
        }
      },
    ),
  );
});

test("who looks whenever it is asked for finds each deadline to the millisecond, and looks about once a second", () => {
  const deadlines = new Deadlines<Item>();
  for (let name = 0; name < 100; name++) deadlines.set(itemOf(name), 20_000 + name);
  const found: number[] = [];
  let looks = 0;
  for (let now = 0; deadlines.size > 0 && looks < 1_000; now = Math.max(now, deadlines.nextAt())) {
    looks += 1;
    for (let item = deadlines.popDue(now); item !== undefined; item = deadlines.popDue(now)) {
      expect(item.deadline).toBe(now);
      found.push(item.name);
    }
  }
  expect(found).toEqual(Array.from({ length: 100 }, (_, name) => name));
  expect(looks).toBeLessThan(105);
});

test("a renewal leaves its lease where it lies, and one that is due after all is found there", () => {
  const deadlines = new Deadlines<Item>();
  const [early, late] = [itemOf(1), itemOf(2)];
  deadlines.set(early, 5_500);
  deadlines.set(late, 5_600);
  deadlines.set(early, 35_000);
  deadlines.set(late, 35_000);
  deadlines.set(late, 7_000);
  expect(deadlines.popDue(6_999)).toBeUndefined();
  expect(deadlines.popDue(7_000)).toBe(late);
  deadlines.set(late, 7_001);
  expect(deadlines.popDue(34_999)).toBe(late);
  expect(deadlines.popDue(34_999)).toBeUndefined();
  expect(deadlines.popDue(35_000)).toBe(early);
  expect(deadlines.nextAt()).toBe(Number.POSITIVE_INFINITY);
});
