import { stat } from "node:fs/promises";
import type { Logger } from "pino";
import { ConfigError } from "../config/config.ts";
import type { CertificateFiles } from "../config/groups/tls.ts";
import type { Certificate } from "../http/connections/handshake.ts";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { type CertificateFacts, type ReadCertificate, readCertificate } from "./certificate-files.ts";

const dayMs = 24 * 60 * 60 * 1000;

/** How often the files are looked at, in milliseconds. A change is taken up once it has stood for one more look. */
const lookMs = 5_000;

/** How long before its end a certificate is warned of at the earliest, in milliseconds. */
const warnBeforeMs = 14 * dayMs;

export interface CertificateKeeperOptions {
  readonly files: CertificateFiles;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps the certificate of a running server as new as its files. They are looked at by their time, size and number, not
 * watched: that also sees links which are pointed elsewhere, as certbot and Kubernetes do it, and works on every
 * file system.
 */
export class CertificateKeeper implements Lifecycle {
  readonly #options: CertificateKeeperOptions;
  #current: ReadCertificate;
  #use: (certificate: Certificate) => void = () => {};
  /** What the files looked like when they were read last, and at the last look. */
  #judged: string;
  #seen: string;
  #warnedAt = Number.NEGATIVE_INFINITY;
  readonly #looks: Chore;
  /** Looks and readings go one after another. */
  #doing: Promise<void> = Promise.resolve();

  private constructor(options: CertificateKeeperOptions, current: ReadCertificate, seen: string) {
    this.#options = options;
    this.#looks = new Chore(
      lookMs,
      options.clock,
      () => this.look(),
      (error) => options.log.error({ err: error }, "the TLS certificate could not be looked at"),
    );
    this.#current = current;
    this.#judged = seen;
    this.#seen = seen;
  }

  /** @throws ConfigError that names the file and what is wrong with it */
  static async open(options: CertificateKeeperOptions): Promise<CertificateKeeper> {
    const seen = await stateOf(options.files);
    return new CertificateKeeper(options, await readCertificate(options.files), seen);
  }

  get certificate(): Certificate {
    return this.#current.certificate;
  }

  /** @param use takes every certificate that follows the first one */
  onChange(use: (certificate: Certificate) => void): void {
    this.#use = use;
  }

  async run(): Promise<void> {
    this.#tell("TLS certificate");
    await this.#warnOfReaders();
    this.#warn();
    await this.#looks.run();
  }

  async stop(): Promise<void> {
    await this.#looks.stop();
    await this.#doing;
  }

  /** Reads the files now, whatever they look like. Never rejects: what cannot be used is told in the log. */
  reload(): Promise<void> {
    return this.#next(async () => this.#read(await stateOf(this.#options.files), true));
  }

  /** One look: takes a change up that was there at the last look already, and warns of an end that is near. */
  look(): Promise<void> {
    return this.#next(async () => {
      const seen = await stateOf(this.#options.files);
      const settled = seen === this.#seen;
      this.#seen = seen;
      if (settled && seen !== this.#judged) await this.#read(seen, false);
      this.#warn();
    });
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#doing = this.#doing.then(work);
    return this.#doing;
  }

  async #read(seen: string, asked: boolean): Promise<void> {
    const { files, clock, log } = this.#options;
    this.#judged = seen;
    try {
      const next = await readCertificate(files);
      refuseWorse(next.facts[0], this.#current.facts[0], clock.now());
      const changed = identity(next) !== identity(this.#current);
      if (changed) this.#use(next.certificate);
      this.#current = next;
      if (changed) this.#warnedAt = Number.NEGATIVE_INFINITY;
      if (changed) this.#tell("another TLS certificate for new connections");
      else if (asked) this.#tell("the TLS certificate is the one that is in use");
    } catch (error) {
      const { notAfter } = this.#current.facts[0];
      const why = Error.isError(error) ? error.message : String(error);
      log.error(
        { why, inUseUntil: new Date(notAfter) },
        "the TLS certificate in use stays: the new one is no good",
      );
    }
  }

  /** The key's owner may be another than the server's, so that it is theirs to change. */
  async #warnOfReaders(): Promise<void> {
    const { keyFile } = this.#options.files;
    const { mode } = await stat(keyFile);
    if ((mode & 0o007) === 0 || process.platform === "win32") return;
    this.#options.log.warn({ file: keyFile }, "everybody on this machine can read the TLS key: chmod 600");
  }

  #tell(message: string): void {
    const [{ names, notAfter, fingerprint }] = this.#current.facts;
    this.#options.log.info({ names, notAfter: new Date(notAfter), fingerprint }, message);
  }

  #warn(): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    if (now - this.#warnedAt < dayMs) return;
    for (const { file, names, notBefore, notAfter } of this.#current.facts) {
      // One that lives for a day is renewed within hours.
      if (notAfter - now > Math.min(warnBeforeMs, (notAfter - notBefore) / 3)) continue;
      this.#warnedAt = now;
      const facts = { file, names, notAfter: new Date(notAfter) };
      if (now < notAfter) log.warn(facts, "a TLS certificate expires soon: renew it");
      else log.error(facts, "a TLS certificate has expired: clients refuse it");
    }
  }
}

/** A certificate that no client accepts does not take the place of one that is accepted. @throws ConfigError */
function refuseWorse(next: CertificateFacts, current: CertificateFacts, now: number): void {
  const isValid = ({ notBefore, notAfter }: CertificateFacts) => notBefore <= now && now < notAfter;
  if (isValid(next) || !isValid(current)) return;
  const from = new Date(next.notBefore).toISOString();
  throw new ConfigError(
    `the certificate in ${next.file} is valid from ${from} to ${new Date(next.notAfter).toISOString()} only`,
  );
}

function identity({ certificate: { cert, key, clientCa } }: ReadCertificate): string {
  return [cert, key, clientCa ?? ""].map(String).join("\n");
}

/** What tells one state of the files from another. Follows links. */
async function stateOf(files: CertificateFiles): Promise<string> {
  const states = await Promise.all(
    Object.values(files).map(async (file: string | null) => {
      if (file === null) return "";
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
        return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      } catch {
        return "gone";
      }
    }),
  );
  return states.join("\n");
}
