import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "pino";
import { hostTokenKeptMs } from "../domain/host-tokens/host-token.ts";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import type { HostTokenStore } from "../store/configuration-store.ts";
import type { AuditStore, EventStore } from "../store/event-store.ts";
import type { ServiceAccountStore } from "../store/service-account-store.ts";

/** How long records are kept, in milliseconds. */
export interface RetentionSettings {
  readonly auditMs: number;
  readonly eventsMs: number;
}

/** How often old records are removed, in milliseconds. */
const everyMs = 60 * 60 * 1000;
/** Rows of one commit: few enough that no call waits long for it. */
const batch = 500;

export interface RetentionOptions {
  readonly events: EventStore;
  readonly audit: AuditStore;
  readonly serviceAccounts: Pick<ServiceAccountStore, "removeBefore">;
  readonly hostTokens: Pick<HostTokenStore, "removeBefore">;
  readonly settings: RetentionSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Removes events and audit entries that are older than the settings keep, at the start and then hourly. Service accounts
 * that were deleted stay as long as the audit entry of their deletion, tokens for hosts for 30 days after they expired.
 */
export class Retention implements Lifecycle {
  readonly #options: RetentionOptions;
  readonly #sweep: Chore;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#sweep = new Chore(
      everyMs,
      options.clock,
      () => this.sweep(),
      (error) => options.log.error({ err: error }, "old records could not be removed"),
    );
  }

  async run(): Promise<void> {
    this.#sweep.start();
    await this.#sweep.run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#sweep.stop();
  }

  /** Small commits, with room for others between them. */
  async sweep(): Promise<void> {
    const { events, audit, serviceAccounts, hostTokens, settings, clock } = this.#options;
    const now = clock.now();
    for (const [store, keptMs] of [
      [events, settings.eventsMs],
      [audit, settings.auditMs],
      [serviceAccounts, settings.auditMs],
      [hostTokens, hostTokenKeptMs],
    ] as const) {
      for (let removed = batch; removed === batch && !this.#stopped; await nextTurn()) {
        removed = await store.removeBefore(now - keptMs, batch, now);
      }
    }
  }
}
