import type { CrashClient } from "./client.ts";
import { WrongAnswer } from "./client.ts";
import type { Kind, Thing } from "./model.ts";

const services = { runner: "Runner", group: "Group", service_account: "ServiceAccount" } as const;

/** `gitpod.v1.RunnerService/CreateRunner` for the verb `Create`, and so on. */
function procedure(kind: Kind, verb: string): string {
  return `gitpod.v1.${services[kind]}Service/${verb}${services[kind]}`;
}

/** The name of a kind's id in requests. */
const idField = { runner: "runnerId", group: "groupId", service_account: "serviceAccountId" } as const;

const keyed = ({ idempotent, key }: Thing): Record<string, string> =>
  idempotent ? { "idempotency-key": key } : {};

/** Makes a thing; repeated under its key, a runner is not made twice. */
export async function create(client: CrashClient, thing: Thing, organizationId: string): Promise<void> {
  const requests = {
    runner: { name: thing.key, provider: "RUNNER_PROVIDER_GCP" },
    group: { name: thing.key, organizationId },
    service_account: { name: thing.key, validUntil: "2100-01-01T00:00:00Z" },
  };
  const isRepeated = thing.state !== "unborn";
  const effect = () => {
    thing.state = "there";
  };
  const deed = { action: `${thing.kind}.create`, effect };
  const words = [procedure(thing.kind, "Create"), requests[thing.kind], keyed(thing)] as const;
  const body = await (isRepeated ? client.call(...words) : client.change(thing, deed, ...words));
  const made = Object.values(body).find((value) => typeof value === "object") as Record<string, string>;
  const id = made[thing.kind === "runner" ? "runnerId" : "id"] ?? null;
  if (id === null || (thing.id !== null && thing.id !== id)) {
    throw new WrongAnswer(`${thing.key} was created as ${thing.id}, and again as ${id}`);
  }
  thing.id = id;
  if (thing.kind === "runner") thing.exchangeToken = String(body.exchangeToken);
}

export async function rename(client: CrashClient, thing: Thing, name: string): Promise<void> {
  const effect = () => {
    thing.name = name;
  };
  const request = { [idField[thing.kind]]: thing.id, name };
  await client.change(
    thing,
    { action: `${thing.kind}.update`, effect },
    procedure(thing.kind, "Update"),
    request,
  );
}

/** Removes a thing at once. */
export async function remove(client: CrashClient, thing: Thing): Promise<void> {
  const effect = () => {
    thing.state = "gone";
  };
  const force = thing.kind === "runner" ? { force: true } : {};
  const request = { [idField[thing.kind]]: thing.id, ...force };
  await client.change(
    thing,
    { action: `${thing.kind}.delete`, effect },
    procedure(thing.kind, "Delete"),
    request,
  );
}

/** Asks a runner with a live lease to wind down. */
export async function windDown(client: CrashClient, runner: Thing): Promise<void> {
  const effect = () => {
    runner.state = "leaving";
  };
  const deed = { action: "runner.request_deletion", effect };
  await client.change(runner, deed, "gitpod.v1.RunnerService/DeleteRunner", { runnerId: runner.id });
}

/** A runner that winds down says that it is done, and is gone with that. */
export async function signOff(client: CrashClient, runner: Thing): Promise<void> {
  const effect = () => {
    runner.state = "gone";
  };
  const request = { generation: runner.lease.generation };
  const deed = { action: "runner.delete", effect };
  await client.change(runner, deed, "rollcall.v1.RunnerAgentService/SignOff", request, asItself(runner));
}

/** Uses up a runner's exchange token. A client with a key may ask again when the answer was lost. */
export async function exchange(client: CrashClient, runner: Thing): Promise<void> {
  const effect = () => {
    // The token of an earlier answer, or of a lost one, is worth nothing any more.
    runner.accessToken = null;
  };
  const deed = { action: "runner.exchange_token", effect };
  const request = { exchangeToken: runner.exchangeToken };
  const body = await client.change(runner, deed, exchangeToken, request, keyed(runner));
  runner.accessToken = String(body.accessToken);
}

const exchangeToken = "gitpod.v1.IdentityService/ExchangeToken";

/** What a used token answers without the right key: a refusal, and nothing else. */
export async function refuseSecondUse(client: CrashClient, runner: Thing): Promise<string | null> {
  if (runner.exchangeToken === null) return null;
  const answer = await client.try(exchangeToken, { exchangeToken: runner.exchangeToken });
  // One that winds down may be gone by now.
  const reasons = {
    unborn: [],
    there: ["EXCHANGE_TOKEN_USED"],
    leaving: ["EXCHANGE_TOKEN_USED", "EXCHANGE_TOKEN_UNKNOWN"],
    gone: ["EXCHANGE_TOKEN_UNKNOWN"],
  }[runner.state];
  const text = JSON.stringify(answer.body);
  const isRefused = answer.status === 401 && reasons.some((reason) => text.includes(reason));
  return isRefused ? null : `${runner.key} (${runner.state}) used its token twice: ${text}`;
}

export function asItself(runner: Thing): Record<string, string> {
  return { authorization: `Bearer ${runner.accessToken}` };
}

/** Renews; `message` is news, and undefined none. Opens a generation when asked to. */
export async function renew(
  client: CrashClient,
  runner: Thing,
  opens: boolean,
  message?: string,
): Promise<void> {
  const { lease } = runner;
  const generation = opens ? lease.generation + 1 : lease.generation;
  const said = message ?? (opens ? "" : lease.message);
  const phase = said === "" ? "RUNNER_PHASE_ACTIVE" : "RUNNER_PHASE_DEGRADED";
  const status = message === undefined ? {} : { status: { phase, message } };
  lease.maybe = { generation, message: said };
  const request = { generation: opens ? 0 : generation, ...status };
  const procedure = "rollcall.v1.RunnerAgentService/RenewRegistration";
  const body = await client.call(procedure, request, asItself(runner));
  if (body.generation !== generation) {
    throw new WrongAnswer(`${runner.key} has generation ${generation}, and was answered ${body.generation}`);
  }
  const isDurable = opens || lease.message !== said;
  Object.assign(lease, { generation, message: said, maybe: null });
  if (isDurable) lease.starts = 0;
}

/** Gives a group a role on a runner, or another role, or takes it back. */
export async function changePolicy(client: CrashClient, group: Thing, runnerId: string): Promise<void> {
  const held = group.policies.get(runnerId);
  const role = held === "RUNNER_ROLE_USER" ? "RUNNER_ROLE_ADMIN" : "RUNNER_ROLE_USER";
  const verb = held === undefined ? "create" : held === "RUNNER_ROLE_USER" ? "update" : "delete";
  const effect = () => {
    if (verb === "delete") group.policies.delete(runnerId);
    else group.policies.set(runnerId, role);
  };
  const name = `${verb[0]?.toUpperCase()}${verb.slice(1)}RunnerPolicy`;
  const request = { runnerId, groupId: group.id, ...(verb !== "delete" && { role }) };
  const deed = { action: `role_assignment.${verb}`, effect };
  await client.change(group, deed, `gitpod.v1.RunnerService/${name}`, request);
}
