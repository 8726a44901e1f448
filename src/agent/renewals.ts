import type { RenewRegistrationResponse } from "../../gen/rollcall/v1/agent_pb.js";
import { Backoff } from "./backoff.ts";
import { Complaint } from "./complaint.ts";
import { type Failure, readFailure } from "./failure.ts";
import { HealthProbe } from "./health.ts";
import type { Live } from "./live.ts";
import {
  acknowledge,
  leaseMs,
  reduceRequest,
  renewAfterMs,
  renewalRequest,
  unregistered,
} from "./registration.ts";
import { callTimeout } from "./timing.ts";
import { pause } from "./waiting.ts";
import { readWanted } from "./wanted.ts";

const MINUTE = 60_000;

/** Renews until the life ends. The only place that judges refusals: the stream and the sign-off leave it to this. */
export class Renewals {
  readonly #live: Live;
  readonly #backoff: Backoff;
  readonly #health: HealthProbe;
  /** Monotonic times of the reopenings of the last minute. */
  #reopened: number[] = [];
  #registered = false;
  /** Monotonic time at which the server may take the runner for gone, as early as it can be; null before the first. */
  #leaseEndsAt: number | null = null;
  #stretch = 0;
  readonly #failing: Complaint;
  readonly #refusedReport: Complaint;
  readonly #changedReport: Complaint;

  constructor(live: Live) {
    this.#live = live;
    this.#backoff = new Backoff(live.timing.retry, live.random);
    this.#health = new HealthProbe(live);
    const complaint = (message: string) => new Complaint(live.log, live.time, message);
    this.#failing = complaint("could not renew the registration; trying again");
    this.#refusedReport = complaint("the server refuses what was reported; renewing without it");
    this.#changedReport = complaint("the server changed what was reported");
  }

  async run(): Promise<void> {
    const { life, time, timing, news, connection } = this.#live;
    await this.#health.check();
    let scheduled = true;
    while (!life.aborted) {
      news.quiet();
      const waitMs = await this.#renew(scheduled);
      if (life.aborted) break;
      const startedAt = time.monotonic();
      // News must not cut a backoff short: the server has trouble enough.
      const ended = await pause(time, waitMs, this.#backoff.failures === 0 ? news.signal : life, timing);
      scheduled = ended !== "cut";
      if (ended === "slept") {
        this.#live.log.info({}, "this machine slept, or its clock was moved; renewing at once");
        connection.reset();
        this.#backoff.reset();
      } else if (ended === "cut") {
        await time.sleep(Math.max(0, timing.newsGapMs - (time.monotonic() - startedAt)), life);
      }
    }
    await this.#health.settled();
  }

  /** One renewal. @returns how long to wait before the next, in milliseconds */
  async #renew(scheduled: boolean): Promise<number> {
    const { condition, specs, identity, registration, client, headers, calls, timing } = this.#live;
    const standing = condition.standing();
    const pushes = specs.pushes;
    const full = renewalRequest(registration, identity, standing, specs.appliedRevision);
    const options = { headers, signal: calls, timeoutMs: callTimeout(timing, this.#backoff.failures) };
    const sentAt = this.#live.time.monotonic();
    try {
      const response = await client.renewRegistration(full, options).catch((error: unknown) => {
        const failure = readFailure(error);
        if (failure.kind !== "invalid" || full.status === undefined) throw error;
        this.#refusedReport.tell(failure.why);
        return client.renewRegistration(reduceRequest(full, failure.fields), options);
      });
      this.#live.registration = acknowledge(response, standing);
      this.#leaseEndsAt = sentAt + leaseMs(response);
      this.#heard(response, pushes);
      if (scheduled) this.#health.start();
      return renewAfterMs(response);
    } catch (error) {
      return this.#failed(readFailure(error));
    }
  }

  #heard(response: RenewRegistrationResponse, pushes: number): void {
    const { log, identity, specs } = this.#live;
    const { generation, intervalStretchPercent: stretch } = response;
    const wasFailing = this.#failing.over();
    if (!this.#registered) log.info({ generation, runnerId: identity.runnerId }, "registered");
    else if (wasFailing) log.info({ generation }, "registered again");
    if (stretch !== this.#stretch) log.info({ percent: stretch }, "the server changed its renewal interval");
    for (const notice of response.notices) this.#changedReport.tell(notice);
    this.#stretch = stretch;
    this.#registered = true;
    this.#backoff.reset();
    const wanted = response.wanted && readWanted(identity.runnerId, response.wanted);
    if (wanted) specs.renewalBrought(wanted, pushes);
    if (response.windDown) this.#live.windDown(response.windDown);
  }

  #failed(failure: Failure): number {
    const { life, connection, log } = this.#live;
    if (life.aborted) return 0;
    if (failure.kind === "final") {
      this.#live.leave({ kind: "refused", end: failure.end });
      return 0;
    }
    if (failure.kind === "reopen") {
      this.#live.registration = unregistered;
      if (this.#mayReopenAtOnce()) {
        log.info({ why: failure.why }, "this generation is over; opening a new one");
        return 0;
      }
    }
    // The connection may be dead without knowing it.
    if (failure.kind === "retry") connection.reset();
    const askedMs = failure.kind === "retry" ? failure.askedMs : 0;
    const delayMs = Math.round(this.#backoff.nextMs(askedMs, this.#mostMs()));
    this.#failing.tell(failure.why, { delayMs });
    return delayMs;
  }

  /** Half of what is left of the lease, so that a cut which ends before it does is survived. */
  #mostMs(): number {
    const leftMs = this.#leaseEndsAt === null ? 0 : this.#leaseEndsAt - this.#live.time.monotonic();
    return leftMs > 0 ? leftMs / 2 : Number.POSITIVE_INFINITY;
  }

  #mayReopenAtOnce(): boolean {
    const now = this.#live.time.monotonic();
    this.#reopened = this.#reopened.filter((at) => now - at < MINUTE);
    this.#reopened.push(now);
    return this.#reopened.length <= this.#live.timing.reopensAMinute;
  }
}
