import { expect, test } from "vitest";
import { Bench, id, WALL_START } from "./fixture.ts";

test("last seen is handed over once for each runner heard", () => {
  const bench = new Bench();
  bench.open(1);
  bench.clock.pass(10);
  bench.renew(1, 1);
  expect(bench.engine.takeLastSeen()).toMatchObject([{ runnerId: id(1), lastSeenMs: WALL_START + 10 }]);
  expect(bench.engine.takeLastSeen()).toEqual([]);
  bench.renew(1, 1);
  expect(bench.engine.takeLastSeen()).toHaveLength(1);
});

test("last seen comes in the order of the rows, however runners were heard, and again where it could not be stored", () => {
  const bench = new Bench();
  for (const n of [1, 2, 3]) bench.open(n);
  bench.engine.takeLastSeen();
  for (const n of [3, 1, 2]) bench.renew(n, 1);
  const seen = bench.engine.takeLastSeen();
  expect(seen.map(({ runnerId }) => runnerId)).toEqual([id(1), id(2), id(3)]);
  bench.engine.keepUnsaved(seen.slice(1));
  bench.renew(2, 1);
  expect(bench.engine.takeLastSeen().map(({ runnerId }) => runnerId)).toEqual([id(2), id(3)]);
});
