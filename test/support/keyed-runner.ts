import sodium from "libsodium-wrappers";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import type { TestServer } from "./server.ts";

await sodium.ready;

/** A runner that told its public key. */
export interface KeyedRunner {
  readonly token: string;
  /** Reads what was sealed to the newest key. */
  open(sealed: Uint8Array): string;
  /** Makes another key, and tells it. */
  changeKey(): Promise<void>;
}

/** Has a runner use its exchange token, make a key and report it. */
export async function keyRunner(server: TestServer, exchangeToken: string): Promise<KeyedRunner> {
  const { accessToken: token } = await server
    .client(IdentityService, { token: null })
    .exchangeToken({ exchangeToken });
  const agent = server.client(RunnerAgentService, { token });
  let generation = 0;
  let pair = sodium.crypto_box_keypair();
  async function tell(): Promise<void> {
    const status = { phase: RunnerPhase.ACTIVE, version: "1.0.0", publicKey: pair.publicKey };
    ({ generation } = await agent.renewRegistration({ generation, status }));
  }
  await tell();
  return {
    token,
    open: (sealed) =>
      Buffer.from(sodium.crypto_box_seal_open(sealed, pair.publicKey, pair.privateKey)).toString(),
    async changeKey() {
      pair = sodium.crypto_box_keypair();
      await tell();
    },
  };
}
