import type { DescMethod } from "@bufbuild/protobuf";
import { AuditKind } from "../../../src/domain/access/resources.ts";
import { firstMessage } from "../../access/outcome.ts";
import { actor, type Kind, type World } from "../../access/world.ts";
import { type Act, type AuditCase, asActor } from "./cases.ts";
import type { StoredEntry } from "./record.ts";

/** What a call of `method` says it comes from. */
export const agentOf = (method: DescMethod) => `audited/${method.name}`;

/**
 * Calls a method; a stream is left once it brings something.
 * @param stir makes something happen that every watcher hears of
 */
export async function call(
  world: World,
  method: DescMethod,
  request: object,
  token: string | null,
  stir: () => Promise<void> = nothing,
): Promise<unknown> {
  const headers = { "user-agent": agentOf(method) };
  const client = world.server.client(method.parent, { token, headers }) as Record<
    string,
    (request: object, options: { signal: AbortSignal }) => unknown
  >;
  const leaving = new AbortController();
  const answer = client[method.localName]?.(request, { signal: leaving.signal });
  if (method.methodKind !== "server_streaming") return answer;
  try {
    await firstMessage(answer as AsyncIterable<unknown>, stir);
    return undefined;
  } finally {
    leaving.abort();
  }
}

function nothing(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function tokenOf(world: World, kind: Kind): string | null {
  return kind === "nobody" ? null : actor(world, kind).token;
}

const credentials = /^(access_token|id_token|host_authentication_token)\.|_token$/;

/** The entries that a call must have left, and no others. */
export function entriesOf(
  world: World,
  method: DescMethod,
  { actor: named }: Pick<AuditCase, "actor">,
  { kind, acts }: { kind: Kind; acts: readonly Act[] },
): (Omit<StoredEntry, "sourceAddress" | "userAgent"> & { readonly from: string })[] {
  if (kind === "nobody" && named === undefined) throw new Error(`${method.name}: who is the actor?`);
  const { id, principal } = named ?? asActor(world, kind as Exclude<Kind, "nobody">);
  return acts.map(
    ({ organizationId = world.organizationId, action, subjectType, subjectId = "unknown" }) => ({
      organizationId,
      actorId: id,
      actorPrincipal: principal,
      action,
      subjectType,
      subjectId,
      kind: credentials.test(action) ? AuditKind.CREDENTIAL_ACCESS : AuditKind.RESOURCE_CHANGE,
      createdAt: world.server.clock.now(),
      from: `127.0.0.1 ${agentOf(method)}`,
    }),
  );
}

/** An entry as {@link entriesOf} has it: an IPv4 client of a socket for both is `::ffff:127.0.0.1` to it. */
export function comparable({ sourceAddress, userAgent, ...entry }: StoredEntry) {
  return { ...entry, from: `${sourceAddress.replace(/^::ffff:/, "")} ${userAgent}` };
}
