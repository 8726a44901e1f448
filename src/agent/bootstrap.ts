import { createClient } from "@connectrpc/connect";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { Backoff } from "./backoff.ts";
import {
  type Credential,
  exchangeFile,
  exchangeKey,
  hashOf,
  isToken,
  readCredential,
  writeCredential,
} from "./credential.ts";
import { AgentEndError, agentEnd } from "./end.ts";
import { readFailure } from "./failure.ts";
import type { AgentOptions } from "./options.ts";
import type { StateFiles } from "./state-files.ts";
import { unusable } from "./state-files.ts";
import type { Time } from "./time.ts";
import { type AgentTiming, callTimeout } from "./timing.ts";
import { readTokenFile } from "./token-file.ts";
import { pause } from "./waiting.ts";

/** The parts of the options that bootstrapping needs, defaults filled in. */
export type BootstrapDeps = Pick<AgentOptions, "tokenFile" | "connection" | "stop" | "log"> & {
  readonly files: StateFiles;
  readonly time: Time;
  readonly random: () => number;
  readonly timing: AgentTiming;
};

/**
 * The access token: the stored one, or that of an exchange. A token file with another token than the one that was
 * exchanged starts anew, which is how a runner comes back after its access token was revoked.
 * @returns null when it was told to stop before it had one
 * @throws AgentEndError for unusable files, and for refusals that waiting does not mend
 */
export async function bootstrap(deps: BootstrapDeps): Promise<Credential | null> {
  const stored = readCredential(deps.files);
  const exchangeToken = readTokenFile(deps.tokenFile);
  if (exchangeToken === null) {
    if (stored === null)
      throw unusable(deps.tokenFile, "there is no such file, and no earlier access token either");
    return withRunnerId(deps, stored);
  }
  const exchangeTokenHash = hashOf(exchangeToken);
  if (stored?.exchangeTokenHash === exchangeTokenHash) return withRunnerId(deps, stored);
  const accessToken = await exchange(deps, exchangeToken, exchangeKey(deps.files, exchangeTokenHash));
  if (accessToken === null) return null;
  const credential = { accessToken, exchangeTokenHash, runnerId: "" };
  writeCredential(deps.files, credential);
  deps.files.remove(exchangeFile);
  return withRunnerId(deps, credential);
}

async function exchange(deps: BootstrapDeps, exchangeToken: string, key: string): Promise<string | null> {
  const { connection, timing, time, stop, log } = deps;
  const client = createClient(IdentityService, connection.transport);
  const backoff = new Backoff(timing.retry, deps.random);
  while (!stop.aborted) {
    try {
      const { accessToken } = await client.exchangeToken(
        { exchangeToken },
        {
          timeoutMs: callTimeout(timing, backoff.failures),
          signal: stop,
          headers: { "Idempotency-Key": key },
        },
      );
      if (!isToken(accessToken))
        throw new AgentEndError(agentEnd("NOT_SPOKEN", "the server answered no access token"));
      log.info({}, "exchanged the exchange token for an access token");
      return accessToken;
    } catch (error) {
      if (stop.aborted) return null;
      if (error instanceof AgentEndError) throw error;
      const failure = readFailure(error);
      if (failure.kind === "final" || failure.kind === "unexplained") throw new AgentEndError(failure.end);
      if (failure.kind === "invalid")
        throw new AgentEndError(agentEnd("EXCHANGE_TOKEN_UNKNOWN", failure.why));
      connection.reset();
      const delayMs = Math.round(backoff.nextMs(failure.kind === "retry" ? failure.askedMs : 0));
      log.warn({ why: failure.why, delayMs }, "could not exchange the token; trying again");
      await pause(time, delayMs, stop, timing);
    }
  }
  return null;
}

/** Asks once who it is: the id guards against mixed-up state folders, and an agent without it works as well. */
async function withRunnerId(deps: BootstrapDeps, credential: Credential): Promise<Credential> {
  if (credential.runnerId !== "") return credential;
  try {
    const { subject } = await createClient(
      IdentityService,
      deps.connection.transport,
    ).getAuthenticatedIdentity(
      {},
      {
        timeoutMs: callTimeout(deps.timing, 0),
        signal: deps.stop,
        headers: { authorization: `Bearer ${credential.accessToken}` },
      },
    );
    const known = { ...credential, runnerId: subject?.id ?? "" };
    writeCredential(deps.files, known);
    return known;
  } catch (error) {
    if (error instanceof AgentEndError) throw error;
    deps.log.debug({ why: readFailure(error).why }, "the server does not say which runner this is");
    return credential;
  }
}
