import { existsSync } from "node:fs";
import { type CallOptions, createClient } from "@connectrpc/connect";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { Backoff } from "./backoff.ts";
import { Complaint } from "./complaint.ts";
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
import { StateFiles, unusable } from "./state-files.ts";
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
 * exchanged starts anew, which is how a runner comes back after its access token was revoked; a token of another
 * runner is refused, since that runner would take the folder from the one that it belongs to.
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
  const owner = stored && (await withRunnerId(deps, stored)).runnerId;
  const elsewhere = deps.files.path(`other-${exchangeTokenHash.slice(0, 12)}`);
  if (owner) refuseKept(deps, owner, elsewhere);
  const accessToken = await exchange(deps, exchangeToken, exchangeKey(deps.files, exchangeTokenHash));
  if (accessToken === null) return null;
  const credential = { accessToken, exchangeTokenHash, runnerId: "" };
  if (owner) {
    const runnerId = await insist(deps, "could not ask whose token this is; trying again", (options) =>
      askRunnerId(deps, credential, options),
    );
    if (runnerId === null) return null;
    if (runnerId !== owner) {
      writeCredential(new StateFiles(elsewhere), { ...credential, runnerId });
      deps.files.remove(exchangeFile);
      throw otherRunner(deps, owner, runnerId, elsewhere);
    }
  }
  writeCredential(deps.files, credential);
  deps.files.remove(exchangeFile);
  return withRunnerId(deps, credential);
}

/** An exchange token works once: what a refused agent got for its own is kept for its next start. */
function refuseKept(deps: BootstrapDeps, owner: string, elsewhere: string): void {
  if (!existsSync(elsewhere)) return;
  const kept = readCredential(new StateFiles(elsewhere));
  if (kept !== null) throw otherRunner(deps, owner, kept.runnerId, elsewhere);
}

function otherRunner(
  { files, tokenFile }: BootstrapDeps,
  owner: string,
  runnerId: string,
  elsewhere: string,
): AgentEndError {
  const what =
    `the state folder ${files.dir} belongs to runner ${owner}, and the token in ${tokenFile} to runner ${runnerId}; ` +
    `what that token was exchanged for is kept in ${elsewhere} (start with --state-dir ${elsewhere}, or move it)`;
  return new AgentEndError(agentEnd("WRONG_RUNNER", what));
}

async function exchange(deps: BootstrapDeps, exchangeToken: string, key: string): Promise<string | null> {
  const client = createClient(IdentityService, deps.connection.transport);
  const headers = { "Idempotency-Key": key };
  const accessToken = await insist(deps, "could not exchange the token; trying again", async (options) => {
    return (await client.exchangeToken({ exchangeToken }, { ...options, headers })).accessToken;
  });
  if (accessToken === null) return null;
  if (!isToken(accessToken))
    throw new AgentEndError(agentEnd("NOT_SPOKEN", "the server answered no access token"));
  deps.log.info({}, "exchanged the exchange token for an access token");
  return accessToken;
}

/**
 * Calls until there is an answer.
 * @returns null when it was told to stop before
 * @throws AgentEndError when the server refuses with a reason, or names a field that breaks a rule
 */
async function insist<Answer>(
  deps: BootstrapDeps,
  complaint: string,
  call: (options: CallOptions) => Promise<Answer>,
): Promise<Answer | null> {
  const { connection, timing, time, stop, log } = deps;
  const backoff = new Backoff(timing.retry, deps.random);
  const failing = new Complaint(log, time, complaint);
  while (!stop.aborted) {
    try {
      return await call({ timeoutMs: callTimeout(timing, backoff.failures), signal: stop });
    } catch (error) {
      if (stop.aborted) return null;
      const failure = readFailure(error);
      if (failure.kind === "final") throw new AgentEndError(failure.end);
      if (failure.kind === "invalid" && failure.fields.length > 0)
        throw new AgentEndError(agentEnd("EXCHANGE_TOKEN_UNKNOWN", failure.why));
      connection.reset();
      const delayMs = Math.round(backoff.nextMs(failure.kind === "retry" ? failure.askedMs : 0));
      failing.tell(failure.why, { delayMs });
      await pause(time, delayMs, stop, timing);
    }
  }
  return null;
}

/** Asks once who it is: the id guards against mixed-up state folders, and an agent without it works as well. */
async function withRunnerId(deps: BootstrapDeps, credential: Credential): Promise<Credential> {
  if (credential.runnerId !== "") return credential;
  let runnerId: string;
  try {
    const options = { timeoutMs: callTimeout(deps.timing, 0), signal: deps.stop };
    runnerId = await askRunnerId(deps, credential, options);
  } catch (error) {
    deps.log.debug({ why: readFailure(error).why }, "the server does not say which runner this is");
    return credential;
  }
  const known = { ...credential, runnerId };
  writeCredential(deps.files, known);
  return known;
}

async function askRunnerId(
  { connection }: BootstrapDeps,
  { accessToken }: Credential,
  options: CallOptions,
): Promise<string> {
  const headers = { authorization: `Bearer ${accessToken}` };
  const client = createClient(IdentityService, connection.transport);
  const { subject } = await client.getAuthenticatedIdentity({}, { ...options, headers });
  return subject?.id ?? "";
}
