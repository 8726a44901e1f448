import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { SimRunner } from "./sim-runner.ts";
import { eachOf } from "./stats.ts";
import type { Met } from "./tally.ts";
import type { Wire } from "./wire.ts";

export interface RegisterOptions {
  readonly wire: Wire;
  readonly met: Met;
  readonly token: string;
  readonly runners: number;
  readonly inFlight: number;
}

/** Registers runners and exchanges their tokens, as an operator and the runners' bootstraps do: two real calls each. */
export async function register(options: RegisterOptions): Promise<readonly SimRunner[]> {
  const { wire, met, token } = options;
  const fleet: SimRunner[] = [];
  const numbers = Array.from({ length: options.runners }, (_, index) => index);
  await eachOf(numbers, options.inFlight, async (index) => {
    const { runner, exchangeToken } = await wire.call(RunnerService.method.createRunner, token, {
      name: `bench ${index}`,
      provider: RunnerProvider.AWS_EC2,
    });
    const { accessToken } = await wire.call(IdentityService.method.exchangeToken, null, { exchangeToken });
    fleet.push(
      new SimRunner({
        id: runner?.runnerId ?? "",
        token: accessToken,
        lane: wire.laneOf(index),
        wire,
        met,
      }),
    );
  });
  return fleet;
}
