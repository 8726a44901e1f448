import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { type Authorized, authorizeRunner, type RunnerAction, roleOn } from "../../domain/access/runners.ts";
import type { ConfigurationSchema } from "../../domain/configuration-schema/schema.ts";
import type { DomainError } from "../../domain/errors.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import type { Store } from "../../store/store.ts";
import { schemaMessage, schemaOf } from "../messages/configuration-schema.ts";
import { runnerFacts } from "./runner-access.ts";

/** Something that is set up on a runner, with the proof of what the caller may do to that runner. */
export interface Configured<T, A extends RunnerAction> {
  readonly thing: T;
  readonly runner: Authorized<A>;
  /** What the caller is to the runner; a runner is a user of itself. */
  readonly role: "admin" | "user";
}

/**
 * Who may do what to something that is set up on a runner follows from the runner.
 * @param thing as stored, or null when there is none
 * @param notFound the error for what the caller may not know of
 * @throws DomainError as {@link authorizeRunner} does, with `notFound` in place of the runner's
 */
export async function configured<T extends { readonly runnerId: string }, A extends RunnerAction>(
  store: Pick<Store, "runners" | "access">,
  caller: Caller,
  action: A,
  thing: T | null,
  notFound: () => DomainError,
): Promise<Configured<T, A>> {
  const { runner, shared } =
    thing === null ? { runner: null, shared: null } : await runnerFacts(store, caller, thing.runnerId);
  const role = runner && roleOn(caller, runner, shared);
  if (thing === null || role === null) throw notFound();
  return { thing, runner: authorizeRunner(caller, action, runner, shared), role };
}

/** Of the runners that things are set up on, all of which the caller sees, those whose sealed secrets it gets. */
export async function readsSecretsOf(
  store: Pick<Store, "runners" | "access">,
  caller: Caller,
  things: readonly { readonly runnerId: string }[],
): Promise<ReadonlySet<string>> {
  const runnerIds = [...new Set(things.map(({ runnerId }) => runnerId))];
  if (isRunner(caller)) return new Set(runnerIds);
  const facts = await Promise.all(runnerIds.map((id) => runnerFacts(store, caller, id)));
  const isAdmin = ({ runner, shared }: (typeof facts)[number]) =>
    runner !== null && roleOn(caller, runner, shared) === "admin";
  return new Set(facts.filter(isAdmin).map(({ runner }) => runner?.id ?? ""));
}

/** What can be configured on a runner: as it said, or as is built in. */
export async function schemaInForce(
  store: Pick<Store, "runners">,
  { organizationId, id }: Pick<Runner, "organizationId" | "id">,
): Promise<ConfigurationSchema> {
  const kept = await store.runners.configurationSchema(organizationId, id);
  return schemaOf(schemaMessage(kept), kept !== null);
}
