/** What the load makes: each kind has a table, a name in it, and a type in the events. */
export type Kind = "runner" | "group" | "service_account";

/** A change that was asked for. The action is its name in the audit log; policies are told of their group. */
export interface Deed {
  readonly action: string;
  /** What holds once it has happened. */
  readonly effect: () => void;
}

/** One thing as its client knows it, by the answers that it got. */
export interface Thing {
  readonly kind: Kind;
  /** Unique; its first name. */
  readonly key: string;
  /** Whether its creation carries the key as Idempotency-Key, and the exchange of its token too. */
  readonly idempotent: boolean;
  id: string | null;
  name: string;
  /** `leaving`: the server removes it when the time to wind down is over, or before. */
  state: "unborn" | "there" | "leaving" | "gone";
  /** How often each action has happened. */
  readonly done: Map<string, number>;
  /** The deed that no answer came to. */
  pending: Deed | null;
  readonly lease: LeaseModel;
  exchangeToken: string | null;
  accessToken: string | null;
  /** The role of this group on runners, by their id. */
  readonly policies: Map<string, "RUNNER_ROLE_USER" | "RUNNER_ROLE_ADMIN">;
}

/** What a runner was told of its lease. */
export interface LeaseModel {
  /** 0: it has never renewed. */
  generation: number;
  /** Its complaint; empty: ACTIVE. */
  message: string;
  /** What a renewal without an answer said. */
  maybe: { readonly generation: number; readonly message: string } | null;
  /** Starts of the server since its last renewal that was durable and acknowledged. */
  starts: number;
}

/** Everything that was asked for and answered, over all lives of the server: what it is held to. */
export class Model {
  readonly things: Thing[] = [];
  /** What the driver's own set-up left in the journals, before the first thing. */
  baseline = { audit: 0, events: 0 };
  acknowledged = 0;
  /** Deeds without an answer that turned out to have happened, and not to have. */
  readonly unanswered = { happened: 0, lost: 0 };

  add(kind: Kind, idempotent: boolean): Thing {
    const key = `${kind}-${this.things.length}`;
    const lease = { generation: 0, message: "", maybe: null, starts: 0 };
    const thing: Thing = {
      ...{ kind, key, idempotent, lease, id: null, name: key, state: "unborn", pending: null },
      ...{ exchangeToken: null, accessToken: null, done: new Map(), policies: new Map() },
    };
    this.things.push(thing);
    return thing;
  }

  /** A deed has happened. */
  happened(thing: Thing, { action, effect }: Deed): void {
    thing.done.set(action, (thing.done.get(action) ?? 0) + 1);
    effect();
  }
}

export function isThere({ state }: Thing): boolean {
  return state === "there" || state === "leaving";
}
