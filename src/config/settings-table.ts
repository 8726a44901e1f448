import { defaultLeaseSettings } from "../domain/leases/settings.ts";
import { defaultCallRates } from "../domain/limits/call-limits.ts";
import { defaultQuotas } from "../domain/limits/quotas.ts";
import { defaultLimits } from "../http/connections/limits.ts";

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** One thing that can be set: by a flag, else by an environment variable, else its default. */
export interface Setting {
  /** Flag without dashes; the variable is `ROLLCALL_` and the same in upper snake case. */
  readonly flag: string;
  readonly value: string;
  readonly help: string;
  /** As text, or what stands in for one. */
  readonly fallback: string;
  /** Secrets are read from the environment or a file only: a flag would show them in the process list. */
  readonly secret?: boolean;
}

/** The one table behind the flags, the variables, `--help` and the README. */
export const settings = [
  { flag: "host", value: "ADDRESS", help: "address to listen on", fallback: "127.0.0.1" },
  { flag: "port", value: "PORT", help: "TCP port, 0 for a free one", fallback: "7655" },
  {
    flag: "data-dir",
    value: "DIR",
    help: "folder of the database, or :memory: to keep nothing",
    fallback: "$XDG_DATA_HOME/rollcall",
  },
  {
    flag: "admin-token",
    value: "TOKEN",
    help: "the first admin's token (8 characters or more, no blanks)",
    fallback: "minted on the first start",
    secret: true,
  },
  { flag: "admin-token-file", value: "FILE", help: "file that holds the first admin's token", fallback: "" },
  {
    flag: "tls-cert",
    value: "FILE",
    help: "PEM certificate chain; serves TLS instead of clear text",
    fallback: "",
  },
  { flag: "tls-key", value: "FILE", help: "PEM private key of the certificate", fallback: "" },
  {
    flag: "tls-client-ca",
    value: "FILE",
    help: "PEM certificates of the authorities that sign those of runners; asks runners for theirs",
    fallback: "",
  },
  {
    flag: "tls-client-auth",
    value: "required|optional",
    help: "whether runners must or may show a certificate of tls-client-ca",
    fallback: "required",
  },
  {
    flag: "cors-origins",
    value: "LIST",
    help: "origins of web pages that may call, separated by commas; * for all",
    fallback: "",
  },
  { flag: "reflection", value: "on|off", help: "answer gRPC reflection without a token", fallback: "on" },
  {
    flag: "hot-path",
    value: "on|off",
    help: "serve plain calls the short way; off serves all through Connect",
    fallback: "on",
  },
  {
    flag: "metrics-port",
    value: "PORT",
    help: "another TCP port, which shows /metrics without a token, 0 for a free one",
    fallback: "none",
  },
  { flag: "metrics-host", value: "ADDRESS", help: "address of the metrics port", fallback: "127.0.0.1" },
  {
    flag: "otlp-endpoint",
    value: "URL",
    help: "collector that traces go to, by OTLP over HTTP; else that of OTEL_EXPORTER_OTLP_ENDPOINT",
    fallback: "",
  },
  {
    flag: "trace-percent",
    value: "PERCENT",
    help: "of the calls whose client does not say whether to trace them, how many are traced",
    fallback: "100",
  },
  { flag: "log-level", value: "LEVEL", help: `one of ${logLevels.join(", ")}`, fallback: "info" },
  {
    flag: "shutdown-deadline",
    value: "SECONDS",
    help: "how long running calls may take to finish after SIGTERM",
    fallback: "10",
  },
  {
    flag: "max-message-bytes",
    value: "BYTES",
    help: "largest request message, decompressed",
    fallback: String(defaultLimits.messageBytes),
  },
  {
    flag: "max-unfinished-bytes",
    value: "BYTES",
    help: "what request bodies that are not complete hold in all; those of strangers an eighth of it",
    fallback: String(defaultLimits.unfinishedBytes),
  },
  {
    flag: "max-unsent-bytes",
    value: "BYTES",
    help: "what answers that clients have not taken yet hold in all",
    fallback: String(defaultLimits.unsentBytes),
  },
  {
    flag: "max-header-bytes",
    value: "BYTES",
    help: "largest set of request headers",
    fallback: String(defaultLimits.headerBytes),
  },
  {
    flag: "max-connections",
    value: "COUNT",
    help: "connections open at once",
    fallback: String(defaultLimits.connections),
  },
  {
    flag: "max-connections-address",
    value: "COUNT",
    help: "connections open at once from one address over which no valid token came",
    fallback: String(defaultLimits.strangersPerAddress),
  },
  {
    flag: "max-streams",
    value: "COUNT",
    help: "HTTP/2 streams open at once on a connection",
    fallback: String(defaultLimits.streamsPerConnection),
  },
  {
    flag: "idle-timeout",
    value: "SECONDS",
    help: "how long a connection without a call stays open",
    fallback: String(defaultLimits.idleTimeoutMs / 1000),
  },
  {
    flag: "headers-timeout",
    value: "SECONDS",
    help: "how long the first bytes, a TLS handshake and HTTP/1.1 headers may take",
    fallback: String(defaultLimits.headersTimeoutMs / 1000),
  },
  {
    flag: "request-timeout",
    value: "SECONDS",
    help: "how long one whole request may take to arrive",
    fallback: String(defaultLimits.requestTimeoutMs / 1000),
  },
  {
    flag: "max-control-frames",
    value: "COUNT",
    help: "HTTP/2 PING and SETTINGS frames between two calls, in 10 seconds",
    fallback: String(defaultLimits.controlFrames),
  },
  {
    flag: "max-stream-resets",
    value: "COUNT",
    help: "HTTP/2 streams that a client takes back at once, and a tenth of it each second",
    fallback: String(defaultLimits.streamResets),
  },
  {
    flag: "rate-limit-token",
    value: "COUNT",
    help: "calls a second with one access token, 0 for no limit",
    fallback: String(defaultCallRates.perToken),
  },
  {
    flag: "rate-limit-address",
    value: "COUNT",
    help: "calls a second from one address without a valid token, 0 for no limit",
    fallback: String(defaultCallRates.perAddress),
  },
  {
    flag: "rate-limit-burst",
    value: "SECONDS",
    help: "so many seconds' worth of calls may come at once",
    fallback: String(defaultCallRates.burstSeconds),
  },
  {
    flag: "max-runners",
    value: "COUNT",
    help: "runners of one organization",
    fallback: String(defaultQuotas.runners),
  },
  {
    flag: "max-exchange-tokens",
    value: "COUNT",
    help: "exchange tokens of one runner that wait to be used",
    fallback: String(defaultQuotas.exchangeTokens),
  },
  {
    flag: "max-access-tokens",
    value: "COUNT",
    help: "access tokens of one user, service account or runner that work",
    fallback: String(defaultQuotas.accessTokens),
  },
  {
    flag: "max-runner-streams",
    value: "COUNT",
    help: "streams that one runner has open",
    fallback: String(defaultQuotas.runnerStreams),
  },
  {
    flag: "max-caller-streams",
    value: "COUNT",
    help: "streams that one user or service account has open",
    fallback: String(defaultQuotas.callerStreams),
  },
  {
    flag: "max-event-streams",
    value: "COUNT",
    help: "event streams that one organization has open",
    fallback: String(defaultQuotas.eventStreams),
  },
  {
    flag: "max-address-streams",
    value: "COUNT",
    help: "streams without a token, of health and reflection, that one address has open",
    fallback: String(defaultQuotas.addressStreams),
  },
  {
    flag: "max-anonymous-streams",
    value: "COUNT",
    help: "streams without a token that are open in all",
    fallback: String(defaultQuotas.anonymousStreams),
  },
  {
    flag: "max-status-events",
    value: "COUNT",
    help: "events of one runner's status in a minute; of more changes the last is told",
    fallback: String(defaultLeaseSettings.statusEventsPerMinute),
  },
  {
    flag: "shed-delay",
    value: "MILLISECONDS",
    help: "when calls wait so long for their turn, the less urgent are refused, 0 for never",
    fallback: "250",
  },
  {
    flag: "watch-keep-alive",
    value: "SECONDS",
    help: "a watch that has been silent for so long sends an empty message, 0 for never",
    fallback: "30",
  },
  {
    flag: "trusted-proxies",
    value: "LIST",
    help: "addresses and networks of proxies whose X-Forwarded-For is believed, separated by commas",
    fallback: "",
  },
  { flag: "renew-interval", value: "SECONDS", help: "how often runners renew", fallback: "30" },
  {
    flag: "renew-grace",
    value: "SECONDS",
    help: "how long after a missed renewal a lease lapses",
    fallback: "15",
  },
  {
    flag: "provider-timing",
    value: "LIST",
    help: "where a provider differs, as NAME=INTERVAL/GRACE in seconds: AWS_EC2=60/30,GCP=20/10",
    fallback: "",
  },
  { flag: "stale-after", value: "DAYS", help: "offline for so long is listed as stale", fallback: "14" },
  {
    flag: "remove-stale-after",
    value: "DAYS",
    help: "stale runners are removed after so many days more",
    fallback: "never",
  },
  {
    flag: "brake-percent",
    value: "PERCENT",
    help: "more of a provider's runners lapsing at once is one incident, not many lapses",
    fallback: "30",
  },
  { flag: "brake-min-runners", value: "COUNT", help: "the brake needs so many live runners", fallback: "20" },
  { flag: "audit-retention", value: "DAYS", help: "how long the audit log is kept", fallback: "365" },
  {
    flag: "event-retention",
    value: "HOURS",
    help: "how long events are kept, for watches to resume",
    fallback: "24",
  },
  {
    flag: "external-url",
    value: "URL",
    help: "where the world reaches the server: the issuer of id tokens",
    fallback: "the address that it listens on",
  },
  {
    flag: "key-rotation",
    value: "DAYS",
    help: "how long a key signs id tokens before the next one takes over",
    fallback: "30",
  },
] as const satisfies readonly Setting[];

export type Flag = (typeof settings)[number]["flag"];

/** What was set, as text, by flag name. */
export type Settings = Partial<Record<Flag, string>>;

/** The name of the variable that stands for a flag. */
export function variableOf(flag: Flag): string {
  return `ROLLCALL_${flag.toUpperCase().replaceAll("-", "_")}`;
}
