import { postJson } from "../support/http.ts";

/** What the server has acknowledged, and what may or may not have happened because no answer came. */
export interface Ledger {
  /** Runners by id, with the name last acknowledged; `maybe` is a name whose change got no answer. */
  readonly runners: Map<string, { name: string; maybe?: string }>;
  /** Deletions that got no answer. */
  readonly maybeDeleted: Set<string>;
  readonly deleted: Set<string>;
  /** Exchange tokens that have not been sent, by runner. */
  readonly unused: Map<string, string>;
  /** Exchange tokens whose use was acknowledged, with the access token that came of it. */
  readonly used: Map<string, { runnerId: string; accessToken: string }>;
}

export function emptyLedger(): Ledger {
  return {
    runners: new Map(),
    maybeDeleted: new Set(),
    deleted: new Set(),
    unused: new Map(),
    used: new Map(),
  };
}

/** Calls a method of RunnerService as the admin; null when no answer came because the server died. */
export async function callRunners(
  url: string,
  token: string,
  method: string,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> } | null> {
  return call(url, `gitpod.v1.RunnerService/${method}`, body, { authorization: `Bearer ${token}` });
}

export async function call(
  url: string,
  procedure: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> } | null> {
  try {
    const answer = await postJson(url, procedure, body, headers);
    return { status: answer.status, body: answer.json() };
  } catch {
    return null;
  }
}

/** One worker: creates, renames, deletes and bootstraps runners until the server dies. */
export async function work(url: string, token: string, ledger: Ledger, random: () => number): Promise<void> {
  const mine: string[] = [];
  for (let step = 0; ; step++) {
    const dice = random();
    const pick = mine[Math.floor(random() * mine.length)];
    let alive = true;
    if (dice < 0.5 || pick === undefined)
      alive = await create(url, token, ledger, mine, `made ${step} ${random()}`);
    else if (dice < 0.7) alive = await rename(url, token, ledger, pick, `renamed ${step} ${random()}`);
    else if (dice < 0.9) alive = await exchange(url, ledger, pick);
    else {
      mine.splice(mine.indexOf(pick), 1);
      alive = await remove(url, token, ledger, pick);
    }
    if (!alive) return;
  }
}

async function create(
  url: string,
  token: string,
  ledger: Ledger,
  mine: string[],
  name: string,
): Promise<boolean> {
  const answer = await callRunners(url, token, "CreateRunner", { name, provider: "RUNNER_PROVIDER_GCP" });
  if (answer === null) return false;
  const { runnerId } = answer.body.runner as { runnerId: string };
  mine.push(runnerId);
  ledger.runners.set(runnerId, { name });
  ledger.unused.set(runnerId, String(answer.body.exchangeToken));
  return true;
}

async function rename(
  url: string,
  token: string,
  ledger: Ledger,
  id: string,
  name: string,
): Promise<boolean> {
  const known = ledger.runners.get(id);
  const answer = await callRunners(url, token, "UpdateRunner", { runnerId: id, name });
  ledger.runners.set(id, answer === null ? { name: known?.name ?? "", maybe: name } : { name });
  return answer !== null;
}

async function exchange(url: string, ledger: Ledger, id: string): Promise<boolean> {
  const exchangeToken = ledger.unused.get(id);
  if (exchangeToken === undefined) return true;
  ledger.unused.delete(id);
  const answer = await call(url, "gitpod.v1.IdentityService/ExchangeToken", { exchangeToken });
  if (answer === null) return false;
  ledger.used.set(exchangeToken, { runnerId: id, accessToken: String(answer.body.accessToken) });
  return true;
}

async function remove(url: string, token: string, ledger: Ledger, id: string): Promise<boolean> {
  ledger.maybeDeleted.add(id);
  const answer = await callRunners(url, token, "DeleteRunner", { runnerId: id });
  if (answer === null) return false;
  ledger.deleted.add(id);
  return true;
}
