import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { LineSink } from "../../src/lib/line-sink.ts";
import { until } from "../support/eventually.ts";

const dir = mkdtempSync(join(tmpdir(), "rollcall-sink-"));
const opened: number[] = [];

function open(path: string, flags: number): number {
  const descriptor = openSync(path, flags);
  opened.push(descriptor);
  return descriptor;
}

afterEach(() => {
  for (const descriptor of opened.splice(0)) closeSync(descriptor);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What a pipe holds at this moment. */
function readNow(pipe: number): string {
  let text = "";
  const piece = Buffer.alloc(65_536);
  try {
    for (;;) text += piece.toString("utf8", 0, readSync(pipe, piece));
  } catch {
    return text;
  }
}

test("a pipe that nobody reads holds nothing up; what is beyond the bound is lost and counted, the rest arrives whole", async () => {
  const pipe = join(dir, "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = open(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  const sink = new LineSink(open(pipe, constants.O_WRONLY), 10_000);
  const told: number[] = [];
  sink.onRecovered((lost) => told.push(lost));
  const written = 20_000;
  for (let number = 0; number < written; number += 1) sink.write(`line ${number}\n`);
  expect(sink.lost).toBeGreaterThan(0);
  await sink.flush(10);

  let text = "";
  await until("all that was kept arrives", () => {
    text += readNow(reader);
    return text.split("\n").length - 1 + sink.lost === written;
  });
  await sink.flush();
  const numbers = text
    .trimEnd()
    .split("\n")
    .map((line) => Number(/^line (\d+)$/.exec(line)?.[1]));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(told).toEqual([sink.lost]);
});

test("an output that refuses what is written loses lines, and tells why", async () => {
  const sink = new LineSink(open("/dev/full", constants.O_WRONLY));
  const errors: string[] = [];
  sink.onLost((error) => errors.push(error.message));
  sink.write("one\ntwo\n");
  await sink.flush();
  expect(sink.lost).toBe(2);
  expect(errors).toEqual([expect.stringContaining("ENOSPC")]);
});
