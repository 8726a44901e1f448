import { changePolicy, create, exchange, remove, rename, renew, signOff, windDown } from "./acts.ts";
import type { CrashClient } from "./client.ts";
import { CutOff } from "./client.ts";
import { isThere, type Kind, type Thing } from "./model.ts";
import { pick } from "./random.ts";

/** Things that one worker keeps at most: the longer it runs, the more it removes. */
const kept = 30;

/** One client that goes on, life after life, with the things it has made. Nobody else touches them. */
export class Worker {
  readonly #random: () => number;
  #things: Thing[] = [];
  /** What the answer to a creation is still wanted of. */
  #lost: Thing[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Does one thing after another until the server is gone. @throws WrongAnswer */
  async work(client: CrashClient, organizationId: string): Promise<void> {
    /** Runners that have renewed in this life: their leases are live for sure. */
    const live = new Set<Thing>();
    try {
      for (const thing of this.#lost.splice(0)) await this.#makeUp(client, thing, organizationId);
      for (;;) await this.#step(client, organizationId, live);
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
    } finally {
      this.#lost = this.#things.filter(({ pending }) => pending !== null);
    }
  }

  /** After a restart: asks again where an answer is missing, as a client would. */
  async #makeUp(client: CrashClient, thing: Thing, organizationId: string): Promise<void> {
    if (thing.state === "gone") return;
    const repeats = thing.state === "unborn" || (thing.kind === "runner" && thing.idempotent);
    if (thing.exchangeToken === null && repeats) await create(client, thing, organizationId);
    const lost = thing.done.has("runner.exchange_token") && thing.accessToken === null;
    if (lost && thing.idempotent) await exchange(client, thing);
  }

  async #step(client: CrashClient, organizationId: string, live: Set<Thing>): Promise<void> {
    const random = this.#random;
    this.#things = this.#things.filter(({ state }) => state !== "gone");
    const mine = this.#things.filter(isThere);
    if (mine.length === 0 || (random() < 0.25 && mine.length < kept)) {
      const kind: Kind = pick(random, ["runner", "runner", "runner", "group", "service_account"]);
      const thing = client.model.add(kind, random() < 0.5);
      this.#things.push(thing);
      return create(client, thing, organizationId);
    }
    const thing = pick(random, mine);
    if (random() < mine.length / (kept * 4)) return this.#end(client, thing, live);
    if (thing.state === "leaving") return;
    if (random() < 0.3) return rename(client, thing, `${thing.key}-${Math.floor(random() * 1e9)}`);
    if (thing.kind === "runner") return this.#asRunner(client, thing, live);
    if (thing.kind === "group") return this.#share(client, thing, mine);
  }

  async #asRunner(client: CrashClient, runner: Thing, live: Set<Thing>): Promise<void> {
    const { exchangeToken, accessToken, done, lease } = runner;
    if (accessToken === null) {
      const isUsed = done.has("runner.exchange_token");
      if (exchangeToken !== null && !isUsed) await exchange(client, runner);
      return;
    }
    const opens = lease.generation === 0 || this.#random() < 0.1;
    const message = this.#random() < 0.4 ? `trouble ${Math.floor(this.#random() * 1e9)}` : undefined;
    await renew(client, runner, opens, message);
    live.add(runner);
  }

  async #share(client: CrashClient, group: Thing, mine: readonly Thing[]): Promise<void> {
    const runners = mine.filter(({ kind, state }) => kind === "runner" && state === "there");
    const { id = null } = runners.length > 0 ? pick(this.#random, runners) : {};
    if (id !== null) await changePolicy(client, group, id);
  }

  async #end(client: CrashClient, thing: Thing, live: Set<Thing>): Promise<void> {
    if (!live.has(thing)) {
      // One that winds down may be gone by itself in the meantime.
      return thing.state === "leaving" ? undefined : remove(client, thing);
    }
    if (thing.state === "there") await windDown(client, thing);
    if (this.#random() < 0.5) await signOff(client, thing);
  }
}
