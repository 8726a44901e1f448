import { SupportedModel } from "../../gen/gitpod/v1/model_pb.js";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { actor, type Kind, type World } from "./world.ts";

let names = 0;
/** A host of its own below one that is connected. */
export const newHost = () => `github.com/acme-${++names}`;

export const sized = { displayName: "Large", description: "Eight cores" };

const as = ({ server, ...world }: World, kind: Exclude<Kind, "nobody">) =>
  server.client(RunnerConfigurationService, { token: actor({ server, ...world }, kind).token });

/** A class on the runner that calls are about; no call disturbs it for another. */
export const environmentClass = once(async (world) => {
  const request = { runnerId: world.runnerId, ...sized };
  return (await as(world, "org admin").createEnvironmentClass(request)).id;
});

/** An integration of the runner that calls are about, under which those hosts are that tokens are for. */
export const scmIntegration = once((world) => newScmIntegration(world, "github.com"));

export async function newScmIntegration(world: World, host = newHost()): Promise<string> {
  const request = { runnerId: world.runnerId, scmId: "github", host, pat: true };
  return (await as(world, "org admin").createSCMIntegration(request)).id;
}

/** What LLM integrations offer here. */
export const models = [SupportedModel.SONNET_4_5];

/** An LLM integration of the runner that calls are about; no call disturbs it for another. */
export const llmIntegration = once(newLlmIntegration);

export async function newLlmIntegration(world: World): Promise<string> {
  return (await as(world, "org admin").createLLMIntegration({ runnerId: world.runnerId, models })).id;
}

/** What {@link newHostToken} sends, for a caller of its own. */
export async function hostToken(world: World) {
  await scmIntegration(world);
  const source = HostAuthenticationTokenSource.PAT;
  return { runnerId: world.runnerId, host: newHost(), token: "token-for-a-host", source };
}

/** A token of the runner's user. */
export async function newHostToken(world: World): Promise<string> {
  const { token } = await as(world, "runner user").createHostAuthenticationToken(await hostToken(world));
  return token?.id ?? "";
}

/** Makes something once for each world. */
function once(make: (world: World) => Promise<string>): (world: World) => Promise<string> {
  const made = new WeakMap<World, Promise<string>>();
  return (world) => {
    const found = made.get(world) ?? make(world);
    made.set(world, found);
    return found;
  };
}
