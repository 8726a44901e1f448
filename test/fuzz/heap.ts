import { monitorEventLoopDelay } from "node:perf_hooks";

// Loaded into the fuzzed server, ahead of it. Tells after SIGUSR2 how much memory is really in use, and for how long the
// event loop was held at most since the last time.
const resolutionMs = 5;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
process.on("SIGUSR2", () => {
  const heldMs = Math.max(0, delays.max / 1e6 - resolutionMs);
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed } = process.memoryUsage();
  // The collections hold the loop themselves, which is known a moment later.
  setTimeout(() => {
    delays.reset();
    process.stderr.write(`heap-in-use ${heapUsed} held-ms ${heldMs}\n`);
  }, 4 * resolutionMs);
});
