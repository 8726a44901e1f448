import v8 from "node:v8";
import vm from "node:vm";

// Loaded into the server, ahead of it: tells after SIGUSR2 what is really in use, garbage left out.

v8.setFlagsFromString("--expose-gc");
const collect: unknown = vm.runInNewContext("gc");

process.on("SIGUSR2", () => {
  if (typeof collect === "function") for (let times = 0; times < 3; times++) collect();
  const { heapUsed, external } = process.memoryUsage();
  // Timers come and go by themselves; what stays behind of a call or a connection is one of the others.
  const resources = process.getActiveResourcesInfo().length;
  process.stderr.write(`soak ${JSON.stringify({ heap: heapUsed + external, resources })}\n`);
});
