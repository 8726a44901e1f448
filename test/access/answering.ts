import { RunnerConfigurationService } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { type Question, RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { type AnswerOutcome, allKinds } from "../support/answering-runner.ts";
import { actor, type World } from "./world.ts";

const connected = new WeakSet<World>();

/** Has the world's runner answer every question, until it is renewed anew. @returns its generation */
export async function answerAll(world: World): Promise<number> {
  const { runnerId, server } = world;
  if (!connected.has(world)) {
    connected.add(world);
    const settings = server.client(RunnerConfigurationService, { token: actor(world, "org admin").token });
    const oauth = { oauthClientId: "client", oauthPlaintextClientSecret: "secret-of-the-client" };
    const agent = server.client(RunnerAgentService, { token: actor(world, "runner itself").token });
    await agent.renewRegistration({ status: { publicKey: new Uint8Array(32).fill(9) } });
    await settings.createSCMIntegration({
      runnerId,
      scmId: "github",
      host: "asked.example",
      pat: true,
      ...oauth,
    });
  }
  const agent = server.client(RunnerAgentService, { token: actor(world, "runner itself").token });
  const { generation } = await agent.renewRegistration({ status: { phase: RunnerPhase.ACTIVE } });
  const stream = agent.watchRegistration({ generation, answers: allKinds });
  const answering = async (): Promise<void> => {
    for await (const { event } of stream) {
      if (event.case !== "question") continue;
      await agent.answerQuestion({
        generation,
        questionId: event.value.id,
        outcome: answerTo(event.value.ask),
      });
    }
  };
  // A newer generation fences it off.
  void answering().catch(() => {});
  return generation;
}

function answerTo({ case: kind }: Question["ask"]): AnswerOutcome {
  if (kind === undefined) return { case: undefined };
  return { case: kind, value: {} } as AnswerOutcome;
}
