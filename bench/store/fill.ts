import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { eachOf } from "../fleet/stats.ts";
import { Wire } from "../fleet/wire.ts";

/** Registers runners through the API, 256 calls in flight. @returns creates a second */
export async function fill(
  url: string,
  token: string,
  runners: number,
  inFlight = 256,
  providerOf: (index: number) => RunnerProvider = () => RunnerProvider.AWS_EC2,
): Promise<number> {
  const wire = new Wire(url, 4);
  try {
    const startedAt = performance.now();
    await eachOf(Array.from({ length: runners }), inFlight, async (_, index) => {
      const name = `bench ${index}`;
      await wire.call(RunnerService.method.createRunner, token, { name, provider: providerOf(index) });
    });
    return runners / ((performance.now() - startedAt) / 1000);
  } finally {
    wire.close();
  }
}
