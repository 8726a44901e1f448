import Database from "better-sqlite3";
import { storeFiles } from "../../src/start/open-store.ts";
import { isThere, type Kind, type Model, type Thing } from "./model.ts";

/** Where those are that are there: a deleted service account keeps its row. */
const tables = {
  runner: "runners",
  group: "groups",
  service_account: "service_accounts WHERE deleted_at IS NULL",
} as const;
/** Numbers of `gitpod.v1.ResourceType`; a policy's event is about its group. */
const eventTypes = { runner: 2, group: 12, service_account: 15, role_assignment: 40 } as const;
/** Numbers of `gitpod.v1.ResourceOperation`. */
const operations = { create: 1, update: 2, delete: 3 } as const;
/** Numbers of `gitpod.v1.ResourceRole`. */
const runnerRoles = { RUNNER_ROLE_ADMIN: 14, RUNNER_ROLE_USER: 17 } as const;

interface Row {
  readonly id: string;
  readonly name: string;
}

/**
 * Holds a file as a kill left it, or rather a copy, to what was acknowledged. Deeds without an answer are looked for,
 * and from then on the model knows whether they happened.
 * @returns what is wrong, one sentence each
 */
export function checkFile(file: string, model: Model): string[] {
  const problems = [...storeFiles.check(file).problems];
  const database = new Database(file, { readonly: true });
  const all = <T>(sql: string) => database.prepare<[], T>(sql).all();
  const count = (sql: string) => Number(database.prepare(sql).pluck().get());
  try {
    const rows = Object.fromEntries(
      Object.entries(tables).map(([kind, table]) => [kind, all<Row>(`SELECT id, name FROM ${table}`)]),
    ) as Record<Kind, Row[]>;
    const names = new Map(Object.values(rows).flatMap((list) => list.map(({ id, name }) => [name, id])));
    const state = {
      rows: new Map(Object.values(rows).flatMap((list) => list.map((row) => [row.id, row]))),
      audit: tally(
        all("SELECT subject_id AS id, action AS what, count(*) AS n FROM audit_log GROUP BY 1, 2"),
      ),
      events: tally(
        all(`SELECT resource_id AS id, resource_type || '.' || operation AS what, count(*) AS n
          FROM events GROUP BY 1, 2`),
      ),
    };
    for (const thing of model.things) {
      thing.id ??= names.get(thing.key) ?? null;
      settle(thing, state, model);
      problems.push(...wrongWith(thing, state));
    }
    problems.push(...leases(all(leaseColumns), model), ...tokens(all(tokenCounts), model));
    problems.push(
      ...policies(
        all("SELECT group_id, resource_id, role FROM role_assignments WHERE resource_type = 2"),
        model,
      ),
    );
    const done = sum(model, () => true);
    const told = sum(model, (action) => eventOf(action) !== null);
    const found = {
      audit: count("SELECT count(*) FROM audit_log") - model.baseline.audit,
      events: count("SELECT count(*) FROM events WHERE operation <> 4") - model.baseline.events,
    };
    if (found.audit !== done) problems.push(`${done} changes, and ${found.audit} audit entries`);
    if (found.events !== told) problems.push(`${told} changes to tell of, and ${found.events} events`);
    const gaps = count("SELECT coalesce(max(sequence), 0) - count(*) FROM events");
    if (gaps !== 0) problems.push(`${gaps} numbers are missing between the events`);
  } finally {
    database.close();
  }
  return problems;
}

interface State {
  readonly rows: ReadonlyMap<string, Row>;
  readonly audit: ReadonlyMap<string, number>;
  readonly events: ReadonlyMap<string, number>;
}

function tally(rows: readonly { id: string; what: string; n: number }[]): Map<string, number> {
  return new Map(rows.map(({ id, what, n }) => [`${id} ${what}`, n]));
}

/** The event of an action, as in the tallies; null for those that nobody is told of, or whose event others write too. */
function eventOf(action: string): string | null {
  const [thing = "", verb = ""] = action.split(".");
  const type = eventTypes[thing as keyof typeof eventTypes];
  const operation = operations[verb as keyof typeof operations];
  return type === undefined || operation === undefined ? null : `${type}.${operation}`;
}

/** A role assignment's audit entry has an id that no answer tells: its event, of the same commit, stands for it. */
function traces(thing: Thing, action: string, { audit, events }: State): { audit: number; event: number } {
  const what = eventOf(action);
  const told = events.get(`${thing.id} ${what}`) ?? 0;
  const written = action.startsWith("role_assignment.") ? told : (audit.get(`${thing.id} ${action}`) ?? 0);
  return { audit: written, event: what === null ? written : told };
}

/** Finds out what became of the deed that no answer came to. */
function settle(thing: Thing, state: State, model: Model): void {
  const { pending } = thing;
  thing.pending = null;
  if (pending !== null) {
    const before = thing.done.get(pending.action) ?? 0;
    const found = thing.id === null ? 0 : traces(thing, pending.action, state).audit;
    if (found === before + 1) model.happened(thing, pending);
    model.unanswered[found === before + 1 ? "happened" : "lost"] += 1;
  }
  if (thing.state === "leaving" && (state.audit.get(`${thing.id} runner.delete`) ?? 0) === 1) {
    thing.done.set("runner.delete", 1);
    thing.state = "gone";
  }
}

function wrongWith(thing: Thing, state: State): string[] {
  if (thing.state === "unborn") return thing.id === null ? [] : [`${thing.key}: a row, and no audit entry`];
  const row = state.rows.get(thing.id ?? "");
  const problems: string[] = [];
  if (isThere(thing) && row === undefined) problems.push(`${thing.key} is lost`);
  if (thing.state === "gone" && row !== undefined) problems.push(`${thing.key} is back`);
  if (isThere(thing) && row && row.name !== thing.name) {
    problems.push(`${thing.key} is called ${row.name}, and should be called ${thing.name}`);
  }
  for (const [action, times] of thing.done) {
    const { audit, event } = traces(thing, action, state);
    if (audit !== times || event !== times) {
      problems.push(
        `${thing.key}: ${action} ${times} times, with ${audit} audit entries and ${event} events`,
      );
    }
  }
  return problems;
}

const leaseColumns = "SELECT id, lease_generation AS generation FROM runners WHERE kind <> 3";

/** A generation that was given out is never forgotten, or it would be given out twice. */
function leases(rows: readonly { id: string; generation: number }[], model: Model): string[] {
  const generations = new Map(rows.map(({ id, generation }) => [id, generation]));
  return model.things.flatMap(({ key, id, lease, ...thing }) => {
    if (thing.kind !== "runner" || (thing.state !== "there" && thing.state !== "leaving")) return [];
    const kept = generations.get(id ?? "") ?? 0;
    if (kept === lease.generation) return [];
    if (lease.maybe?.generation === kept) {
      lease.generation = kept;
      return [];
    }
    return [`${key}: generation ${lease.generation} was given out, and ${kept} is on disk`];
  });
}

const tokenCounts = `SELECT subject_id AS id, count(*) AS made, sum(revoked_at IS NULL) AS usable
  FROM access_tokens WHERE principal = 3 GROUP BY subject_id`;

/** As many access tokens as exchanges, and one that works as long as the runner is there. */
function tokens(rows: readonly { id: string; made: number; usable: number }[], model: Model): string[] {
  const counts = new Map(rows.map((row) => [row.id, row]));
  return model.things.flatMap((thing) => {
    const times = thing.done.get("runner.exchange_token") ?? 0;
    const { made = 0, usable = 0 } = counts.get(thing.id ?? "") ?? {};
    const right = times > 0 && isThere(thing) ? 1 : 0;
    return thing.kind === "runner" && (made !== times || usable !== right)
      ? [`${thing.key}: exchanged ${times} times, ${made} tokens made and ${usable} usable`]
      : [];
  });
}

function policies(
  rows: readonly { group_id: string; resource_id: string; role: number }[],
  model: Model,
): string[] {
  const runners = new Set(model.things.filter(isThere).map(({ id }) => id));
  const wanted = model.things
    .filter(isThere)
    .flatMap((group) =>
      [...group.policies]
        .filter(([runnerId]) => runners.has(runnerId))
        .map(([id, role]) => `${group.id} ${id} ${role}`),
    );
  const found = new Set(
    rows.map(({ group_id, resource_id, role }) => {
      const name = Object.entries(runnerRoles).find(([, number]) => number === role)?.[0];
      return `${group_id} ${resource_id} ${name}`;
    }),
  );
  const problems = wanted.filter((policy) => !found.has(policy)).map((policy) => `policy ${policy} is lost`);
  return wanted.length === found.size
    ? problems
    : [...problems, `${wanted.length} policies, ${found.size} on disk`];
}

function sum(model: Model, counts: (action: string) => boolean): number {
  let total = 0;
  for (const { done } of model.things) for (const [action, n] of done) if (counts(action)) total += n;
  return total;
}
