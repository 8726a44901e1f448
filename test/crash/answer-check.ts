import { asItself, refuseSecondUse } from "./acts.ts";
import type { CrashClient } from "./client.ts";
import { isThere, type Kind, type Thing } from "./model.ts";
import { pick } from "./random.ts";

/** Starts that carry a lease over without a word of its runner; the next one lets it lapse (docs/decisions/leases.md). */
const unheardStarts = 5;

interface Listed {
  readonly id: string;
  readonly runnerId?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly status?: { readonly phase?: string; readonly message?: string };
}

/** How much is asked one by one: everything at the end of a run, a sample in between. */
export interface Depth {
  readonly random: () => number;
  readonly sample: number | "all";
  /** Newest audit entries to compare: their ids, newest first, as the file has them. */
  readonly audit: readonly string[];
}

/** Holds what a server says after its start to what was acknowledged before. @returns what is wrong */
export async function checkAnswers(client: CrashClient, depth: Depth): Promise<string[]> {
  const { things } = client.model;
  const problems: string[] = [];
  const lists = { runner: "Runner", group: "Group", service_account: "ServiceAccount" } as const;
  for (const [kind, name] of Object.entries(lists) as [Kind, string][]) {
    const field = `${name[0]?.toLowerCase()}${name.slice(1)}s`;
    const found = await listAll(client, `gitpod.v1.${name}Service/List${name}s`, field);
    problems.push(...compare(kind, things, found));
  }
  problems.push(...(await auditLog(client, depth.audit)));
  const runners = things.filter((thing) => thing.done.has("runner.exchange_token"));
  const { sample, random } = depth;
  const asked =
    sample === "all" || runners.length === 0
      ? runners
      : Array.from({ length: sample }, () => pick(random, runners));
  for (const runner of asked) {
    const twice = await refuseSecondUse(client, runner);
    if (twice !== null) problems.push(twice);
    problems.push(...(await accessOf(client, runner)));
  }
  return problems;
}

async function listAll(client: CrashClient, procedure: string, field: string): Promise<Listed[]> {
  const found: Listed[] = [];
  for (let token = "", more = true; more; ) {
    const body = await client.call(procedure, { pagination: { pageSize: 100, token } });
    found.push(...((body[field] ?? []) as Listed[]));
    token = (body.pagination as { nextToken?: string } | undefined)?.nextToken ?? "";
    more = token !== "";
  }
  return found;
}

function compare(kind: Kind, things: readonly Thing[], found: readonly Listed[]): string[] {
  const listed = new Map(found.map((thing) => [thing.runnerId ?? thing.id, thing]));
  if (listed.size !== found.length) return [`a ${kind} was listed twice`];
  return things.flatMap((thing) => {
    if (thing.kind !== kind || thing.id === null) return [];
    const one = listed.get(thing.id);
    // The time of one that winds down may be over by now.
    if (thing.state === "leaving") return [];
    if (one === undefined) return isThere(thing) ? [`${thing.key} is not listed`] : [];
    if (!isThere(thing)) return [`${thing.key} is listed, and was deleted`];
    if (one.name !== thing.name) return [`${thing.key} is listed as ${one.name}, not ${thing.name}`];
    return kind === "runner" ? standing(thing, one) : [];
  });
}

/** No lease may be lost by a crash, nor what its runner said last. */
function standing({ key, lease }: Thing, { status }: Listed): string[] {
  const said = { phase: status?.phase, message: status?.message ?? "" };
  if (
    lease.maybe !== null &&
    (said.phase === "RUNNER_PHASE_ACTIVE" || said.message === lease.maybe.message)
  ) {
    // The renewal that no answer came to, if it was heard.
    lease.message = said.message;
  }
  lease.maybe = null;
  if (lease.generation === 0 || lease.starts > unheardStarts) return [];
  const phase = lease.message === "" ? "RUNNER_PHASE_ACTIVE" : "RUNNER_PHASE_DEGRADED";
  return said.phase === phase && said.message === lease.message
    ? []
    : [`${key} is ${said.phase} "${said.message}", not ${phase} "${lease.message}"`];
}

/** Page by page, newest first: what the file has, and in its order. */
async function auditLog(client: CrashClient, expected: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (let token = ""; found.length < expected.length; ) {
    const body = await client.call("gitpod.v1.EventService/ListAuditLogs", {
      pagination: { pageSize: 100, token },
    });
    found.push(...((body.entries ?? []) as Listed[]).map(({ id }) => id));
    token = (body.pagination as { nextToken?: string } | undefined)?.nextToken ?? "";
    if (token === "") break;
  }
  const missing = expected.filter((id) => !found.includes(id));
  return missing.map((id) => `audit entry ${id} is on disk, and not listed`);
}

async function accessOf(client: CrashClient, runner: Thing): Promise<string[]> {
  if (runner.accessToken === null || runner.state === "leaving") return [];
  const who = await client.try("gitpod.v1.IdentityService/GetAuthenticatedIdentity", {}, asItself(runner));
  const text = JSON.stringify(who.body);
  const works = who.status === 200 && text.includes(`"${runner.id}"`);
  const refused = who.status === 401 && text.includes("RUNNER_DELETED");
  return (runner.state === "gone" ? refused : works) ? [] : [`${runner.key}'s access token: ${text}`];
}
