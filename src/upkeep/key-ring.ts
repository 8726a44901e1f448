import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { SignJWT } from "jose";
import type { Logger } from "pino";
import type { Claims } from "../domain/keys/claims.ts";
import {
  isPublished,
  publishedAheadMs,
  rotationDue,
  type SigningKey,
  signingKeyAt,
} from "../domain/keys/signing-key.ts";
import type { SecretBox } from "../domain/tokens/seal.ts";
import type { OperatorGrant } from "../domain/users/rights.ts";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { KeyStore } from "../store/key-store.ts";

/**
 * RSASSA-PKCS1-v1_5 with SHA-256: OpenID Connect Discovery 1.0 (section 3) demands it of every issuer, so there is
 * no verifier, cloud providers included, that does not know it; several know nothing else.
 */
export const signingAlgorithm = "RS256";

/** RFC 7518 section 3.3 asks for 2048 bits or more. */
const modulusLength = 2048;

/** How often the schedule is looked at, in milliseconds. */
const lookMs = 60_000;

/** What a token is, in its `typ` header: a verifier of one kind must not take the other. */
export type TokenType = "JWT" | "logs+jwt";

/** A public key as it is published (RFC 7517). */
export type PublishedKey = Readonly<Record<string, string>>;

export interface KeyRingOptions {
  readonly keys: KeyStore;
  /** Encrypts private keys under the server key. */
  readonly secrets: SecretBox;
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly log: Logger;
  /** How long a key signs, in milliseconds. */
  readonly rotateEveryMs: number;
}

/** The keys that sign what other systems verify. The first one is made when it is needed. */
export class KeyRing implements Lifecycle {
  readonly #options: KeyRingOptions;
  /** Private keys that were opened, by id. */
  readonly #opened = new Map<string, KeyObject>();
  #keys: readonly SigningKey[] = [];
  readonly #look: Chore;
  /** Changes go one after another. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: KeyRingOptions) {
    this.#options = options;
    this.#look = new Chore(
      lookMs,
      options.clock,
      () => this.#lookAfter(),
      (error) => options.log.error({ err: error }, "signing keys could not be looked after"),
    );
  }

  async run(): Promise<void> {
    this.#keys = await this.#options.keys.all();
    // In the background: making a key takes a moment that a start should not.
    this.#look.start();
    await this.#look.run();
  }

  async stop(): Promise<void> {
    await this.#look.stop();
    await this.#changing;
  }

  /** Signs claims with the key of the moment. */
  async sign(type: TokenType, claims: Claims): Promise<string> {
    const key = await this.#current();
    return new SignJWT(claims)
      .setProtectedHeader({ alg: signingAlgorithm, typ: type, kid: key.id })
      .sign(this.#open(key));
  }

  /** Every key that something valid may be signed with, now or soon. */
  async published(): Promise<readonly PublishedKey[]> {
    await this.#current();
    const now = this.#options.clock.now();
    return this.#keys
      .filter((key) => isPublished(key, now))
      .map((key) => ({ ...key.publicJwk, kid: key.id, use: "sig", alg: signingAlgorithm }));
  }

  /** Newest first. */
  list(): readonly SigningKey[] {
    return this.#keys;
  }

  /**
   * Makes a new key. It is published at once and signs when verifiers have had time to see it.
   * @param compromised the present keys are known to others: the new one signs at once, and they are
   *   withdrawn, so that nothing they signed is accepted once verifiers fetch the key set again
   */
  rotate(grant: OperatorGrant, compromised: boolean): Promise<SigningKey> {
    return this.#change(() => this.#add(compromised ? "replace" : "rotate", grant));
  }

  /** One look at the schedule: makes a new key when its time has come, and forgets keys that nothing needs. */
  #lookAfter(): Promise<void> {
    const { clock, keys, rotateEveryMs } = this.#options;
    return this.#change(async () => {
      if (rotationDue(this.#keys, rotateEveryMs, clock.now())) await this.#add("rotate", null);
      const over = this.#keys.filter((key) => !isPublished(key, clock.now())).map(({ id }) => id);
      if (over.length === 0) return;
      await keys.forget(over);
      await this.#reload();
    });
  }

  async #current(): Promise<SigningKey> {
    const now = () => this.#options.clock.now();
    const key = signingKeyAt(this.#keys, now());
    if (key !== undefined) return key;
    return this.#change(async () => signingKeyAt(this.#keys, now()) ?? (await this.#add("first", null)));
  }

  async #add(why: "first" | "rotate" | "replace", grant: OperatorGrant | null): Promise<SigningKey> {
    const { keys, secrets, clock, newId, log } = this.#options;
    const pair = await promisify(generateKeyPair)("rsa", { modulusLength });
    const { kty, n, e } = pair.publicKey.export({ format: "jwk" });
    const now = clock.now();
    const key: SigningKey = {
      id: newId(),
      publicJwk: { kty: String(kty), n: String(n), e: String(e) },
      sealedPrivateKey: secrets.seal(pair.privateKey.export({ type: "pkcs8", format: "der" })),
      createdAt: now,
      activeFrom: why === "rotate" && this.#keys.length > 0 ? now + publishedAheadMs : now,
      retiredAt: null,
    };
    const withdrawn = why === "replace" ? this.#keys.map(({ id }) => id) : [];
    await keys.rotate(key, withdrawn, grant?.by ?? null);
    await this.#reload();
    log.info({ kid: key.id, signsFrom: new Date(key.activeFrom), withdrawn }, "new signing key");
    return key;
  }

  async #reload(): Promise<void> {
    this.#keys = await this.#options.keys.all();
    for (const id of this.#opened.keys()) {
      if (!this.#keys.some((key) => key.id === id)) this.#opened.delete(id);
    }
  }

  #open(key: SigningKey): KeyObject {
    let opened = this.#opened.get(key.id);
    if (opened === undefined) {
      const der = Buffer.from(this.#options.secrets.open(key.sealedPrivateKey));
      opened = createPrivateKey({ key: der, type: "pkcs8", format: "der" });
      this.#opened.set(key.id, opened);
    }
    return opened;
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(work);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }
}
