import {
  DAY_MS,
  defaultLeaseSettings,
  type LeaseSettings,
  type LeaseTiming,
} from "../domain/leases/settings.ts";
import type { CallRates } from "../domain/limits/call-limits.ts";
import { defaultQuotas, type Quotas } from "../domain/limits/quotas.ts";
import { RunnerProvider } from "../domain/runners/enums.ts";
import type { CertificatePolicy } from "../domain/tokens/client-certificate.ts";
import { trustedProxies } from "../http/connections/client-address.ts";
import { defaultLimits, type Limits } from "../http/connections/limits.ts";
import type { RetentionSettings } from "../upkeep/retention.ts";
import { type Flag, type LogLevel, logLevels, type Settings, settings } from "./settings-table.ts";

/** Files of PEM texts. */
export interface CertificateFiles {
  /** The server's own certificate first, then the chain that leads to an authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities that sign the certificates of clients; null asks nobody for one. */
  readonly clientCaFile: string | null;
}

/** Everything the server can be told. Made by {@link parseConfig}; tests write it by hand. */
export interface Config {
  /** Address to listen on. */
  readonly host: string;
  /** TCP port; 0 takes a free one. */
  readonly port: number;
  /** Folder of the database and its keys, or `:memory:` to keep nothing. */
  readonly dataDir: string;
  /** The first admin's token; null has one minted on the first start. */
  readonly adminToken: string | null;
  /** A file that holds the first admin's token. */
  readonly adminTokenFile: string | null;
  /** PEM files; null serves clear text. */
  readonly tls: CertificateFiles | null;
  /** Whether runners have to show a certificate. */
  readonly clientCertificates: CertificatePolicy;
  /** Origins of web pages that may call, such as `https://console.example`; `*` allows every one. */
  readonly corsOrigins: readonly string[];
  /** Whether the schema can be asked for without a token. */
  readonly reflection: boolean;
  /** Whether plain unary calls are served past Connect; docs/decisions/hot-path.md. */
  readonly hotPath: boolean;
  /** Where metrics are shown without a token; null is nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | null;
  /** Where traces go; null traces nothing. */
  readonly tracing: TracingConfig | null;
  readonly logLevel: LogLevel;
  /** How long running calls may take to finish after SIGTERM, in milliseconds. */
  readonly shutdownDeadlineMs: number;
  readonly limits: Limits;
  readonly callRates: CallRates;
  readonly quotas: Quotas;
  /** How long calls may wait for their turn before the less urgent are refused, in milliseconds; 0 refuses none. */
  readonly shedDelayMs: number;
  /** How long a watch may be silent before it says something that keeps proxies from cutting it, in milliseconds; 0 for ever. */
  readonly watchKeepAliveMs: number;
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly leases: LeaseSettings;
  readonly retention: RetentionSettings;
  /** Where the world reaches this server, without a slash at the end; null is the address that it listens on. */
  readonly externalUrl: string | null;
  /** How long a key signs tokens for other systems, in milliseconds. */
  readonly keyRotationMs: number;
}

export interface TracingConfig {
  /** The collector's address, to which `/v1/traces` is added. */
  readonly endpoint: string;
  /** Of the calls whose client does not say whether to trace them, how many are traced: 0 to 100. */
  readonly percent: number;
}

/** Every setting that cannot be used, one sentence each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Pure: the same settings give the same configuration.
 * @throws ConfigError that names every wrong setting, not just the first.
 */
export function parseConfig(set: Settings): Config {
  const problems: string[] = [];
  const text = (flag: Flag): string => set[flag] ?? settings.find((s) => s.flag === flag)?.fallback ?? "";
  const path = (flag: Flag): string | null => set[flag] ?? null;
  const count = (flag: Flag, least: number, most: number): number => {
    const value = Number(text(flag));
    if (!/^\d+$/.test(text(flag)) || value < least || value > most) {
      problems.push(`${flag} must be ${wholeNumber(flag)} from ${least} to ${most}, not "${text(flag)}"`);
    }
    return value;
  };
  const oneOf = <T extends string>(flag: Flag, allowed: readonly T[]): T => {
    const value = allowed.find((candidate) => candidate === text(flag));
    if (value === undefined)
      problems.push(`${flag} must be one of ${allowed.join(", ")}, not "${text(flag)}"`);
    return value ?? (allowed[0] as T);
  };
  const adminToken = set["admin-token"] ?? null;
  if (adminToken !== null && !isUsableToken(adminToken)) {
    problems.push("admin-token must be 8 or more printable ASCII characters without blanks");
  }
  if (adminToken !== null && set["admin-token-file"] !== undefined) {
    problems.push("admin-token and admin-token-file exclude each other");
  }
  const [certFile, keyFile] = [path("tls-cert"), path("tls-key")];
  if ((certFile === null) !== (keyFile === null)) problems.push("tls-cert and tls-key go together");
  const clientCaFile = path("tls-client-ca");
  const clientAuth = oneOf("tls-client-auth", ["required", "optional"]);
  if (clientCaFile !== null && certFile === null) problems.push("tls-client-ca needs tls-cert and tls-key");
  if (clientCaFile === null && path("tls-client-auth") !== null) {
    problems.push("tls-client-auth needs tls-client-ca");
  }
  const list = (flag: Flag): string[] =>
    text(flag)
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
  const proxies = list("trusted-proxies");
  for (const entry of trustedProxies(proxies).wrong) {
    problems.push(`trusted-proxies: "${entry}" is neither an address nor a network such as 10.0.0.0/8`);
  }
  const corsOrigins = list("cors-origins");
  for (const origin of corsOrigins) {
    if (origin !== "*" && URL.parse(origin)?.origin !== origin) {
      problems.push(`cors-origins: "${origin}" is not an origin such as https://console.example`);
    }
  }
  const config: Config = {
    host: text("host"),
    port: count("port", 0, 65535),
    dataDir: text("data-dir"),
    adminToken,
    adminTokenFile: path("admin-token-file"),
    tls: certFile !== null && keyFile !== null ? { certFile, keyFile, clientCaFile } : null,
    clientCertificates: clientCaFile === null ? "off" : clientAuth,
    corsOrigins,
    reflection: oneOf("reflection", ["on", "off"]) === "on",
    hotPath: oneOf("hot-path", ["on", "off"]) === "on",
    metrics:
      text("metrics-port") === "none"
        ? null
        : { host: text("metrics-host"), port: count("metrics-port", 0, 65535) },
    tracing: tracing(path("otlp-endpoint"), count("trace-percent", 0, 100), problems),
    logLevel: oneOf("log-level", logLevels),
    shutdownDeadlineMs: count("shutdown-deadline", 0, 3600) * 1000,
    limits: {
      ...defaultLimits,
      messageBytes: count("max-message-bytes", 1024, 2 ** 31 - 1),
      unfinishedBytes: count("max-unfinished-bytes", 2 ** 20, 2 ** 40),
      unsentBytes: count("max-unsent-bytes", 2 ** 20, 2 ** 40),
      headerBytes: count("max-header-bytes", 1024, 2 ** 20),
      connections: count("max-connections", 1, 1_000_000),
      strangersPerAddress: count("max-connections-address", 1, 1_000_000),
      streamsPerConnection: count("max-streams", 1, 100_000),
      idleTimeoutMs: count("idle-timeout", 1, 86_400) * 1000,
      headersTimeoutMs: count("headers-timeout", 1, 3600) * 1000,
      requestTimeoutMs: count("request-timeout", 1, 3600) * 1000,
      controlFrames: count("max-control-frames", 10, 1_000_000),
      streamResets: count("max-stream-resets", 1, 1_000_000),
    },
    callRates: {
      perToken: count("rate-limit-token", 0, 1_000_000),
      perAddress: count("rate-limit-address", 0, 1_000_000),
      burstSeconds: count("rate-limit-burst", 1, 3600),
    },
    quotas: {
      ...defaultQuotas,
      runners: count("max-runners", 1, 10_000_000),
      exchangeTokens: count("max-exchange-tokens", 1, 1_000_000),
      accessTokens: count("max-access-tokens", 1, 1_000_000),
      runnerStreams: count("max-runner-streams", 1, 10_000),
      callerStreams: count("max-caller-streams", 1, 1_000_000),
      eventStreams: count("max-event-streams", 1, 1_000_000),
      addressStreams: count("max-address-streams", 1, 1_000_000),
      anonymousStreams: count("max-anonymous-streams", 1, 1_000_000),
    },
    shedDelayMs: count("shed-delay", 0, 60_000),
    watchKeepAliveMs: count("watch-keep-alive", 0, 3600) * 1000,
    trustedProxies: proxies,
    leases: {
      ...defaultLeaseSettings,
      timing: {
        intervalMs: count("renew-interval", 1, 3600) * 1000,
        graceMs: count("renew-grace", 1, 3600) * 1000,
      },
      perProvider: providerTimings(text("provider-timing"), problems),
      statusEventsPerMinute: count("max-status-events", 1, 60_000),
      brake: {
        ...defaultLeaseSettings.brake,
        percent: count("brake-percent", 1, 100),
        minLive: count("brake-min-runners", 1, 1_000_000),
      },
      cleanup: {
        ...defaultLeaseSettings.cleanup,
        staleAfterMs: count("stale-after", 1, 3650) * DAY_MS,
        removeAfterMs:
          text("remove-stale-after") === "never" ? null : count("remove-stale-after", 1, 3650) * DAY_MS,
      },
    },
    retention: {
      auditMs: count("audit-retention", 1, 36_500) * DAY_MS,
      eventsMs: count("event-retention", 1, 8760) * 60 * 60 * 1000,
    },
    externalUrl: webAddress("external-url", path("external-url"), "https://rollcall.example", problems),
    keyRotationMs: count("key-rotation", 1, 3650) * DAY_MS,
  };
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
  return config;
}

function tracing(endpoint: string | null, percent: number, problems: string[]): TracingConfig | null {
  const address = webAddress("otlp-endpoint", endpoint, "http://127.0.0.1:4318", problems);
  return address === null ? null : { endpoint: address, percent };
}

/** Verifiers compare the issuer letter by letter, so it is kept as it was written, but for a slash at the end. */
function webAddress(flag: Flag, text: string | null, example: string, problems: string[]): string | null {
  if (text === null) return null;
  if (!isWebAddress(text)) {
    // Whoever put a password in has it in the terminal otherwise.
    const shown = text.replace(/\/\/[^/]*@/, "//…@");
    problems.push(`${flag} must be an http or https address such as ${example}, not "${shown}"`);
  }
  return text.replace(/\/+$/, "");
}

/** Whether a text is an http or https address to which a path can be added, without secrets in it. */
export function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  const plain = url !== null && ["http:", "https:"].includes(url.protocol) && url.username === "";
  return plain && !/[?#]/.test(text);
}

/** What may stand in the place of a number. */
const words: readonly string[] = ["never", "none"];

/** What a setting counts, with its unit: an operator knows `renew-interval` in seconds, not what is made of it. */
function wholeNumber(flag: Flag): string {
  const { value, fallback } = settings.find((setting) => setting.flag === flag) ?? {};
  const unit = value === "COUNT" || value === "PORT" ? "" : ` of ${value?.toLowerCase()}`;
  return `${words.includes(fallback ?? "") ? `${fallback}, or ` : ""}a whole number${unit}`;
}

function providerTimings(list: string, problems: string[]): LeaseSettings["perProvider"] {
  const timings: Partial<Record<RunnerProvider, LeaseTiming>> = {};
  for (const entry of list.split(",").filter((part) => part.trim() !== "")) {
    const [, name = "", interval, grace] = /^\s*(\w+)=(\d+)\/(\d+)\s*$/.exec(entry) ?? [];
    const provider = Object.entries(RunnerProvider).find(([known]) => known === name)?.[1];
    if (provider === undefined || provider === RunnerProvider.UNSPECIFIED) {
      const known = Object.keys(RunnerProvider).slice(1).join(", ");
      problems.push(`provider-timing: "${entry}" is not NAME=INTERVAL/GRACE with a NAME of ${known}`);
    } else if ([interval, grace].some((seconds) => Number(seconds) < 1 || Number(seconds) > 3600)) {
      problems.push(`provider-timing: "${entry}" must have whole numbers of seconds from 1 to 3600`);
    } else {
      timings[provider] = { intervalMs: Number(interval) * 1000, graceMs: Number(grace) * 1000 };
    }
  }
  return timings;
}

/** Whether an operator's own token can travel in a header. */
export function isUsableToken(token: string): boolean {
  return /^[\x21-\x7e]{8,512}$/.test(token);
}
