import { ServerProcess } from "../fleet/server-process.ts";
import { median } from "../fleet/stats.ts";

/**
 * From the start of the process to the line that says it listens, in milliseconds: the median of seven starts.
 * @param dataDir a folder with data, left as it is; null for a fresh one each time
 */
export async function coldStart(token: string, dataDir: string | null): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 7; run++) {
    const server = new ServerProcess({ token, ...(dataDir !== null && { dataDir }) });
    await server.start();
    times.push(server.startedInMs);
    await server.stop();
  }
  return median(times);
}
