import type { MessageInitShape } from "@bufbuild/protobuf";
import sodium from "libsodium-wrappers";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import {
  type AnswerQuestionRequestSchema,
  type HostToken,
  type Question,
  QuestionKind,
} from "../../gen/rollcall/v1/agent_pb.js";
import { type Agent, live } from "../fleet/fixture.ts";
import { until } from "./eventually.ts";
import type { TestServer } from "./server.ts";

await sodium.ready;

export type AnswerOutcome = NonNullable<MessageInitShape<typeof AnswerQuestionRequestSchema>["outcome"]>;

export const allKinds = Object.values(QuestionKind).filter(
  (kind): kind is QuestionKind => typeof kind === "number" && kind !== QuestionKind.UNSPECIFIED,
);

/** One stream of a runner, and what it brought. */
export interface AnsweringStream {
  readonly questions: Question[];
  readonly withdrawn: string[];
  readonly revisions: number[];
  /** Resolves to the question with this place in the order of arrival. */
  question(place?: number): Promise<Question>;
  close(): void;
}

/** A live runner with a key, whose answers a test gives. */
export interface AnsweringRunner {
  readonly agent: Agent;
  readonly id: string;
  /** Opens a stream; resolves once it is open. */
  listen(kinds?: readonly QuestionKind[]): Promise<AnsweringStream>;
  answer(questionId: string, outcome: AnswerOutcome, generation?: number): Promise<unknown>;
  /** What a credential says that came with a question. */
  open(token: HostToken | undefined): string;
  /** Closes all streams. */
  close(): void;
}

/** @param withKey whether it has told its public key */
export async function answeringRunner(server: TestServer, withKey = true): Promise<AnsweringRunner> {
  const agent = await live(server);
  const pair = sodium.crypto_box_keypair();
  if (withKey) await agent.renew({ status: { publicKey: new Uint8Array(pair.publicKey) } });
  const streams: AnsweringStream[] = [];
  return {
    agent,
    id: agent.id,
    async listen(kinds = allKinds) {
      const stop = new AbortController();
      const questions: Question[] = [];
      const withdrawn: string[] = [];
      const revisions: number[] = [];
      let isOpen = false;
      const request = {
        generation: agent.generation,
        appliedSpecRevision: agent.revision,
        answers: [...kinds],
      };
      const events = agent.calls.watchRegistration(request, { signal: stop.signal });
      const read = async (): Promise<void> => {
        for await (const { event } of events) {
          isOpen = true;
          if (event.case === "question") questions.push(event.value);
          if (event.case === "withdrawn") withdrawn.push(event.value.id);
          if (event.case === "configuration") revisions.push(event.value.revision);
        }
      };
      // It ends as the test closes it, or as the server fences it off.
      void read().catch(() => {});
      const stream: AnsweringStream = {
        questions,
        withdrawn,
        revisions,
        async question(place = 0) {
          await until(`question ${place}`, () => questions.length > place);
          const found = questions[place];
          if (found === undefined) throw new Error(`no question ${place}`);
          return found;
        },
        close: () => stop.abort(),
      };
      streams.push(stream);
      await until("the stream is open", () => isOpen);
      return stream;
    },
    answer: (questionId, outcome, generation = agent.generation) =>
      agent.calls.answerQuestion({ generation, questionId, outcome }),
    open: (token) =>
      Buffer.from(
        sodium.crypto_box_seal_open(token?.sealedToken ?? new Uint8Array(), pair.publicKey, pair.privateKey),
      ).toString(),
    close() {
      for (const stream of streams) stream.close();
    },
  };
}

/** What a runner says of itself when it starts again. */
export const startedAgain = { generation: 0, status: { phase: RunnerPhase.ACTIVE } };
