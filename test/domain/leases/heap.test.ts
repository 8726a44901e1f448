import fc from "fast-check";
import { expect, test } from "vitest";
import { DeadlineHeap, type HeapItem } from "../../../src/domain/leases/deadlines.ts";

interface Item extends HeapItem {
  readonly name: number;
}

const command = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), item: fc.nat(40), at: fc.nat(1_000) }),
  fc.record({ kind: fc.constant("remove" as const), item: fc.nat(40) }),
  fc.record({ kind: fc.constant("pop" as const), now: fc.nat(1_000) }),
);

test("the heap agrees with a list that is searched", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
      const heap = new DeadlineHeap<Item>();
      const items: Item[] = Array.from({ length: 41 }, (_, name) => ({ name, deadline: 0, heapIndex: -1 }));
      const model = new Map<number, number>();
      for (const c of commands) {
        if (c.kind === "pop") {
          const earliest = Math.min(...model.values());
          const popped = heap.popDue(c.now);
          if (earliest > c.now) {
            expect(popped).toBeUndefined();
          } else {
            expect(popped && model.get(popped.name)).toBe(earliest);
            if (popped) model.delete(popped.name);
          }
          continue;
        }
        const item = items[c.item];
        if (item === undefined) throw new Error("no such item");
        if (c.kind === "set") {
          heap.set(item, c.at);
          model.set(c.item, c.at);
        } else {
          heap.remove(item);
          model.delete(c.item);
        }
        expect(heap.size).toBe(model.size);
        expect(item.heapIndex >= 0).toBe(model.has(c.item));
      }
      const rest: number[] = [];
      for (let item = heap.popDue(1_000); item !== undefined; item = heap.popDue(1_000))
        rest.push(item.deadline);
      expect(rest).toEqual([...model.values()].sort((a, b) => a - b));
    }),
  );
});

test("taking one out of the middle may move another one up", () => {
  const heap = new DeadlineHeap<Item>();
  // Already a heap, as it lies: the last one, 4, fills the place of 13, below 10 and 11.
  const names = [1, 10, 2, 11, 12, 20, 3, 13, 14, 15, 16, 21, 22, 23, 4];
  const items = names.map((name) => ({ name, deadline: 0, heapIndex: -1 }));
  for (const item of items) heap.set(item, item.name);
  const thirteen = items[7];
  if (thirteen !== undefined) heap.remove(thirteen);
  const order: number[] = [];
  for (let item = heap.popDue(99); item !== undefined; item = heap.popDue(99)) order.push(item.name);
  expect(order).toEqual(names.filter((name) => name !== 13).sort((a, b) => a - b));
});
