import type { Logger } from "pino";
import { DomainError } from "../domain/errors.ts";
import { DAY_MS, saveSeenMs } from "../domain/leases/settings.ts";
import { usableToken } from "../domain/tokens/access-token.ts";
import { type Cleanup, cleanupEveryMs } from "../fleet/cleanup.ts";
import type { RunnerRegistry } from "../fleet/fleet.ts";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import type { TokenStore } from "../store/store.ts";
import { LoadMeter } from "./load-meter.ts";

/** How often open streams say that they are alive, in milliseconds. */
const keepAliveMs = 20_000;
/** How often tokens that ended long ago are forgotten, in milliseconds. */
const forgetEveryMs = 60 * 60 * 1000;
/** How long a token that ended is remembered, so that its bearer is told why it is refused, in milliseconds. */
const endedTokensKeptMs = 90 * DAY_MS;
/** How often the load is measured, in milliseconds. */
const lookMs = 1_000;
/** How often revocations are looked for, in milliseconds: streams must end within a second, a missed turn included. */
const noticeMs = 400;

const longestLeases = "how long leases may be";

export interface UpkeepOptions {
  readonly registry: RunnerRegistry;
  readonly cleanup: Cleanup;
  readonly tokens: TokenStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** How late the event loop was, in milliseconds; default: it is measured. */
  readonly loopDelayMs?: (() => number) | undefined;
}

/** What the registry needs done again and again: one timer for all leases, and a few chores beside it. */
export class Upkeep implements Lifecycle {
  readonly #options: UpkeepOptions;
  readonly #load: LoadMeter;
  readonly #chores: readonly Chore[];
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #counting: Promise<void> = Promise.resolve();
  #stopped = false;
  #revocationMark: string;
  #revocationsFrom: number;

  constructor(options: UpkeepOptions) {
    const { registry, cleanup, tokens, clock, log } = options;
    const chore = (everyMs: number, work: () => Promise<void>) =>
      // A full disk, say: the next time tries again.
      new Chore(everyMs, clock, work, (error) => log.error({ err: error }, "upkeep failed"));
    this.#options = options;
    this.#load = new LoadMeter(clock.monotonic(), options.loopDelayMs);
    this.#revocationMark = tokens.revocationMark();
    this.#revocationsFrom = clock.now();
    this.#chores = [
      chore(lookMs, async () => {
        registry.sampleLoad(this.#load.sample(clock.monotonic(), registry.takeRenewals()));
      }),
      chore(lookMs, () => registry.carryOver.saveLongest()),
      chore(noticeMs, () => this.#noticeRevocations()),
      chore(cleanupEveryMs, () => cleanup.sweep()),
      chore(forgetEveryMs, async () => {
        while (!this.#stopped && (await tokens.forgetEnded(clock.now() - endedTokensKeptMs)) > 0);
      }),
      chore(saveSeenMs, () => registry.carryOver.saveLastSeen()),
      chore(keepAliveMs, async () => {
        for (const stream of registry.agentStreams.all()) stream.tell("keep_alive");
      }),
    ];
  }

  async run(): Promise<void> {
    const { registry } = this.#options;
    await registry.restore();
    this.#counting = this.#noteStart();
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
    // A lapse that a reader found a moment ago must not be forgotten: the next run would show the runner as live.
    await this.beat();
    await Promise.all(this.#chores.map((chore) => chore.stop()));
    this.#load.stop();
    const closing = new DomainError("unavailable", "the server is shutting down", { retryAfterMs: lookMs });
    for (const stream of this.#options.registry.agentStreams.all()) stream.end(closing);
    await this.#counting;
    await this.#tryWrite(() => this.#options.registry.carryOver.saveLongest(), longestLeases);
    await this.#tryWrite(() => this.#options.registry.carryOver.saveLastSeen(), "what was seen last");
    await this.#tryWrite(() => this.#options.registry.finishAnnouncing(), "events of lapses");
  }

  async #noteStart(): Promise<void> {
    const { carryOver } = this.#options.registry;
    await this.#tryWrite(() => carryOver.saveLongest(), longestLeases);
    await this.#tryWrite(() => carryOver.countRestart(), "how many starts leases have missed");
  }

  /** A disk that refuses it must not keep the rest of the server from starting, or from stopping in order. */
  async #tryWrite(write: () => Promise<void>, what: string): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#options.log.error({ err: error, what }, "the disk did not take everything");
    }
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#beating = this.beat().then((nextMs) => this.#schedule(Math.min(nextMs, noticeMs)));
    }, delayMs);
  }

  /**
   * One round: what is due lapses, chores whose time has come are done. Tests that move a clock call it themselves.
   * @returns milliseconds until the next round is wanted
   */
  async beat(): Promise<number> {
    const { registry, log } = this.#options;
    try {
      const nextMs = await registry.tick();
      for (const chore of this.#chores) chore.startIfDue();
      return nextMs;
    } catch (error) {
      // A full disk, say: the next round tries again, and readers are told the truth from memory.
      log.error({ err: error }, "upkeep failed");
      return lookMs;
    }
  }

  /** A token may have been ended, here or by `rollcall token revoke` in another process: its streams end. */
  async #noticeRevocations(): Promise<void> {
    const { registry, tokens, clock } = this.#options;
    const changes = tokens.revocationMark();
    if (changes === this.#revocationMark) return;
    // A little overlap: the clocks of two processes are read at different moments.
    const lately = clock.now() - 10_000;
    // The wall clock may have been set back since the last look.
    const from = Math.min(this.#revocationsFrom, lately);
    for (const { runnerId, cutOff } of await tokens.runnersRevokedSince(from)) {
      if (cutOff) await registry.cutOff(runnerId);
      for (const stream of registry.agentStreams.of(runnerId)) {
        try {
          usableToken(await tokens.findAccessToken(stream.tokenHash), clock.now());
        } catch (refusal) {
          stream.end(refusal);
        }
      }
    }
    // Only now: what failed halfway is looked for again.
    this.#revocationMark = changes;
    this.#revocationsFrom = lately;
  }
}
