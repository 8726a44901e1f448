import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HostAccessSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { ownAttribution } from "../../domain/access/runners.ts";
import { boundTo, type HostToken, type SealedField } from "../../domain/host-tokens/host-token.ts";
import { largestPage } from "../../domain/paging/cursor.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import type { ScmIntegration } from "../../domain/scm-integrations/scm-integration.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import type { RunnerIdentity } from "../../fleet/known-runners.ts";
import type { Clock } from "../../lib/clock.ts";
import { Recent } from "../../lib/recent.ts";
import type { Store } from "../../store/store.ts";
import { scmIntegrationMessage } from "../messages/scm-integration.ts";
import { sealForRunner } from "../messages/sealed.ts";

/** How many hand-overs are remembered, in each of two generations, so that each is written down once. */
const rememberedHandOvers = 10_000;

interface Deps {
  readonly store: Store;
  readonly secrets: SecretBox;
  readonly clock: Clock;
}

/** The source-code hosts of runners, and what askers are signed in with there. */
export class HostAccesses {
  readonly #deps: Deps;
  /** The generation that a token went to last, by its id. */
  readonly #handedOver = new Recent<number>(rememberedHandOvers);

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The hosts that are set up on a runner. */
  async integrations({ id, organizationId }: RunnerIdentity): Promise<readonly ScmIntegration[]> {
    const scope = { organizationId, onlyId: id, visibleTo: null };
    const { rows } = await this.#deps.store.scmIntegrations.list(scope, [id], wholePage);
    return rows;
  }

  /** The credentials that a caller has for hosts on a runner, those that have expired included. */
  async tokens({ id, organizationId }: RunnerIdentity, caller: Caller): Promise<readonly HostToken[]> {
    const scope = { organizationId, onlyRunnerId: null, visibleTo: null };
    const filter = { runnerId: id, subjectIds: [caller.id] };
    const { rows } = await this.#deps.store.hostTokens.list(scope, filter, wholePage);
    return rows;
  }

  /**
   * Everything that a runner needs for a question of this caller, with credentials sealed to its present key. That they
   * were handed over is in the audit log, once for each token and generation.
   */
  async of(
    who: RunnerIdentity,
    caller: Caller,
    generation: number,
  ): Promise<MessageInitShape<typeof HostAccessSchema>[]> {
    const [runner, integrations, tokens] = await Promise.all([
      this.#deps.store.runners.get(who.organizationId, who.id),
      this.integrations(who),
      this.tokens(who, caller),
    ]);
    if (runner === null) return [];
    const sealed = new Map<string, MessageInitShape<typeof HostAccessSchema>["token"]>();
    for (const token of tokens) {
      const handed = await this.#handOver(runner, token, generation);
      if (handed !== null) sealed.set(token.integrationId, handed);
    }
    return integrations.map((integration) => {
      const token = sealed.get(integration.id);
      return { integration: scmIntegrationMessage(integration, true), ...(token && { token }) };
    });
  }

  /** Null when the token is gone. */
  async #handOver(runner: Runner, { id, ...token }: HostToken, generation: number) {
    const { store, secrets, clock } = this.#deps;
    const values = await store.hostTokens.values(runner.organizationId, id);
    if (values === null) return null;
    if (this.#handedOver.get(id) !== generation) {
      await store.hostTokens.handedOver({ ...token, id }, ownAttribution(runner), clock.now());
      this.#handedOver.set(id, generation);
    }
    const reseal = (value: Uint8Array, field: SealedField): Uint8Array => {
      const plain = Buffer.from(secrets.open(value, boundTo(id, field)));
      try {
        return sealForRunner(runner.report.publicKey, plain.toString()).sealed;
      } finally {
        plain.fill(0);
      }
    };
    return {
      id,
      sealedToken: reseal(values.token, "token"),
      ...(values.refreshToken && { sealedRefreshToken: reseal(values.refreshToken, "refresh_token") }),
      source: token.source,
      scopes: [...token.scopes],
      ...(token.expiresAt !== null && { expiresAt: timestampFromMs(token.expiresAt) }),
    };
  }
}

/** A runner has no more integrations than one page holds, nor a subject more tokens on it. */
const wholePage = { limit: largestPage, after: null };
