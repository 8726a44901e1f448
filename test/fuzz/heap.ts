// Loaded into the fuzzed server, ahead of it: tells after SIGUSR2 how much memory is really in use.
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  globalThis.gc?.();
  process.stderr.write(`heap-in-use ${process.memoryUsage().heapUsed}\n`);
});
