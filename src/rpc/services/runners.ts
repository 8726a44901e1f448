import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type CreateRunnerRequest,
  CreateRunnerRequestSchema,
  type CreateRunnerResponse,
  CreateRunnerResponseSchema,
  type ListRunnersRequest,
  ListRunnersRequest_FilterSchema,
  type RunnerService,
} from "../../../gen/gitpod/v1/runner_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import {
  type Authorized,
  authorizeRunnerCreation,
  type RunnerAction,
  runnerNotFound,
  runnerScope,
} from "../../domain/access/runners.ts";
import { freshStatus } from "../../domain/leases/status.ts";
import { draftRunner } from "../../domain/runners/create.ts";
import type { RunnerKind, RunnerProvider } from "../../domain/runners/enums.ts";
import type { Runner, RunnerSpec } from "../../domain/runners/runner.ts";
import { exchangeTokenLifetimeMs } from "../../domain/tokens/exchange.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import { mintToken } from "../../domain/tokens/token.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import { type Awaitable, after } from "../../lib/awaitable.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { NewExchangeToken, Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { plain } from "../messages/present.ts";
import { type ObservedRunner, RunnerAnswers, runnerMessage } from "../messages/runner.ts";
import { runnerChange } from "../messages/runner-change.ts";
import { sealForRunner } from "../messages/sealed.ts";
import { answerKeptMs, idempotencyKeyHash, requestHash } from "./idempotency-key.ts";
import { listOf, pageOf, procedureOf } from "./paging.ts";
import { authorizedRunner, readableRunner } from "./runner-access.ts";

export interface RunnerServiceDeps {
  readonly store: Store;
  readonly registry: RunnerRegistry;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly secrets: SecretBox;
}

/** `gitpod.v1.RunnerService`; methods that are left out answer `unimplemented`. */
export function runnerService(deps: RunnerServiceDeps): Partial<ServiceImpl<typeof RunnerService>> {
  const { store, registry, clock, newId, secrets } = deps;
  const answers = new RunnerAnswers();
  const sealForServer = (plaintext: string) => secrets.seal(Buffer.from(plaintext));

  function authorized<A extends RunnerAction>(
    caller: Caller,
    action: A,
    id: string,
  ): Awaitable<Authorized<A>> {
    return authorizedRunner(store, caller, action, id);
  }

  function observed<T>(runner: Runner, made: (observed: ObservedRunner) => T): Awaitable<T> {
    return after(registry.observe(runner), (status) => made({ runner, status }));
  }

  function newExchangeToken(): { secret: string; stored: NewExchangeToken } {
    const { secret, hash } = mintToken("exchange");
    const createdAt = clock.now();
    return { secret, stored: { hash, createdAt, expiresAt: createdAt + exchangeTokenLifetimeMs } };
  }

  return {
    async createRunner(request, context) {
      const caller = callerOf(context);
      const grant = authorizeRunnerCreation(caller);
      const runner = draftRunner(runnerRequest(request), {
        id: newId(),
        organizationId: caller.organizationId,
        creator: { id: caller.id, principal: caller.principal },
        now: clock.now(),
        seal: sealForServer,
      });
      const token = newExchangeToken();
      const response = create(CreateRunnerResponseSchema, {
        runner: runnerMessage({ runner, status: freshStatus(runner) }),
        exchangeToken: token.secret,
      });
      const call = idempotentCreate(request, response, caller, context);
      const { replay } = await store.runners.create(grant, runner, token.stored, call);
      return replay === null ? response : fromBinary(CreateRunnerResponseSchema, secrets.open(replay));
    },

    getRunner(request, context) {
      const found = readableRunner(store, callerOf(context), request.runnerId);
      return after(found, (runner) => observed(runner, (its) => answers.of(its)));
    },

    async listRunners(request, context) {
      const filter = runnerFilter(request);
      const list = listOf(context, JSON.stringify(filter));
      const scope = runnerScope(callerOf(context));
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.runners.list(scope, filter, page),
      );
      return {
        runners: await Promise.all(rows.map((runner) => observed(runner, runnerMessage))),
        pagination,
      };
    },

    async updateRunner(request, context) {
      const runner = await authorized(callerOf(context), "update", request.runnerId);
      const sealToIt = (key: string) => sealForRunner(runner.report.publicKey, key);
      const change = runnerChange(request, { sealForServer, sealForRunner: sealToIt });
      const changed = await store.runners.update(runner, change, clock.now());
      if (changed === null) throw runnerNotFound();
      registry.specChanged(changed);
      return {};
    },

    async deleteRunner(request, context) {
      const runner = await authorized(callerOf(context), "delete", request.runnerId);
      if (!(await registry.delete(runner, request.force))) throw runnerNotFound();
      return {};
    },

    async createRunnerToken(request, context) {
      const runner = await authorized(callerOf(context), "mintToken", request.runnerId);
      const token = newExchangeToken();
      if (!(await store.tokens.addExchangeToken(runner, token.stored))) throw runnerNotFound();
      return { exchangeToken: token.secret };
    },
  };

  function idempotentCreate(
    request: CreateRunnerRequest,
    response: CreateRunnerResponse,
    caller: Caller,
    { method, requestHeader }: HandlerContext,
  ) {
    const keyHash = idempotencyKeyHash(requestHeader);
    if (keyHash === null) return undefined;
    return {
      callerId: caller.id,
      method: procedureOf(method),
      keyHash,
      requestHash: requestHash(CreateRunnerRequestSchema, request, secrets),
      answer: secrets.seal(toBinary(CreateRunnerResponseSchema, response)),
      expiresAt: clock.now() + answerKeptMs,
    };
  }
}

function runnerRequest(request: CreateRunnerRequest) {
  return {
    name: request.name,
    kind: request.kind as RunnerKind,
    provider: request.provider as RunnerProvider,
    managerId: request.runnerManagerId === "" ? null : request.runnerManagerId.toLowerCase(),
    spec: plain(request.spec) as RunnerSpec | undefined,
  };
}

function runnerFilter(request: ListRunnersRequest) {
  const { creatorIds, kinds, providers } = request.filter ?? create(ListRunnersRequest_FilterSchema);
  return {
    creatorIds: creatorIds.map((id) => id.toLowerCase()),
    kinds: kinds as readonly RunnerKind[],
    providers: providers as readonly RunnerProvider[],
  };
}
