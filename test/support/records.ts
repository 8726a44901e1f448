import { randomBytes } from "node:crypto";
import type { Attribution } from "../../src/domain/access/attribution.ts";
import { Principal } from "../../src/domain/access/principal.ts";
import type { Authorized, RunnerAction, RunnerCreation } from "../../src/domain/access/runners.ts";
import { draftRunner, type RunnerRequest } from "../../src/domain/runners/create.ts";
import { RunnerKind, RunnerProvider } from "../../src/domain/runners/enums.ts";
import type { Runner } from "../../src/domain/runners/runner.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { uuidv7Source } from "../../src/lib/ids.ts";
import type { Founding, IdempotentCall, NewExchangeToken, RunnerStore } from "../../src/store/store.ts";

/** Fresh ids, in the order of asking. */
export const newId = uuidv7Source(systemClock);

/** A time for records, in wall-clock milliseconds since the Unix epoch. */
export const someTime = Date.UTC(2026, 0, 15, 12);

/** A runner as CreateRunner would record it. */
export function runnerOf(
  organizationId: string,
  request: Partial<RunnerRequest> = {},
  record: Partial<Runner> = {},
): Runner {
  const runner = draftRunner(
    {
      name: "runner",
      kind: RunnerKind.UNSPECIFIED,
      provider: RunnerProvider.AWS_EC2,
      managerId: null,
      spec: undefined,
      ...request,
    },
    {
      id: newId(),
      organizationId,
      creator: { id: newId(), principal: Principal.USER },
      now: someTime,
      seal: (text) => Buffer.from(`sealed ${text}`),
    },
  );
  return { ...runner, ...record };
}

/** A user who acts, for what is written down. */
export function byUser(id: string, organizationId: string): Attribution {
  return { actor: { id, principal: Principal.USER }, organizationId, sourceAddress: "", userAgent: "test" };
}

/** Stands for the permission to register runners, in tests of what comes behind it. */
export function creating(runner: Runner): RunnerCreation {
  return { by: byUser(runner.creator.id, runner.organizationId) } as RunnerCreation;
}

/** Registers a runner, as a caller who may. */
export function register(
  runners: RunnerStore,
  runner: Runner,
  token: NewExchangeToken,
  call?: IdempotentCall,
): ReturnType<RunnerStore["create"]> {
  return runners.create(creating(runner), runner, token, call);
}

/** Where a test's own calls come from. */
export const nowhere = { sourceAddress: "", userAgent: "test" };

/** Stands for an access check that was passed, in tests of what comes behind it. */
export function allowed<Action extends RunnerAction>(runner: Runner): Authorized<Action> {
  return { ...runner, by: byUser(runner.creator.id, runner.organizationId) } as Authorized<Action>;
}

export function exchangeTokenOf(token: Partial<NewExchangeToken> = {}): NewExchangeToken {
  return { hash: randomBytes(32), createdAt: someTime, expiresAt: someTime + 24 * 3600 * 1000, ...token };
}

/** What a first start makes, with the given hash for the admin's token. */
export function foundingOf(tokenHash: Uint8Array = randomBytes(32)): Founding {
  const organization = { id: newId(), name: "organisation", createdAt: someTime };
  const admin = {
    id: newId(),
    organizationId: organization.id,
    name: "admin",
    email: "admin@example.com",
    createdAt: someTime,
  };
  const creator = { id: admin.id, principal: Principal.USER };
  return {
    organization,
    admin,
    token: {
      id: newId(),
      organizationId: organization.id,
      hash: tokenHash,
      subjectId: admin.id,
      principal: Principal.USER,
      description: "first",
      readOnly: false,
      by: byUser(admin.id, organization.id),
      createdAt: someTime,
      expiresAt: null,
    },
    localConfiguration: runnerOf(
      organization.id,
      { provider: RunnerProvider.UNSPECIFIED },
      { kind: RunnerKind.LOCAL_CONFIGURATION, creator },
    ),
  };
}
