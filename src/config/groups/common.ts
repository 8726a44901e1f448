import { file, oneOf, port, secret, text, url } from "../kinds.ts";
import { group } from "../setting.ts";

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export const common = group(
  { title: "Common" },
  {
    host: text("host", { value: "ADDRESS", help: "address to listen on", default: "127.0.0.1" }),
    port: port("port", { help: "TCP port, 0 for a free one", default: 7655 }),
    /** Folder of the database and its keys, or `:memory:` to keep nothing. What reads the settings knows the default. */
    dataDir: text("data-dir", {
      value: "DIR",
      help: "folder of the database, or :memory: to keep nothing",
      default: "$XDG_DATA_HOME/rollcall",
    }),
    /** The first admin's token; null has one minted on the first start. */
    adminToken: secret("admin-token", {
      help: "the first admin's token (8 characters or more, no blanks)",
      fallback: "minted on the first start",
      rule: "8 or more printable ASCII characters without blanks",
      isUsable: isUsableToken,
    }),
    adminTokenFile: file("admin-token-file", { help: "file that holds the first admin's token" }),
    /** Where the world reaches this server, without a slash at the end; null is the address that it listens on. */
    externalUrl: url("external-url", {
      help: "where the world reaches the server: the issuer of id tokens",
      example: "https://rollcall.example",
      fallback: "the address that it listens on",
    }),
    logLevel: oneOf("log-level", logLevels, {
      value: "LEVEL",
      help: `one of ${logLevels.join(", ")}`,
      default: "info",
    }),
  },
  (values, { wrong }) => {
    if (values.adminToken !== null && values.adminTokenFile !== null) {
      wrong("admin-token and admin-token-file exclude each other", "admin-token-file");
    }
    return values;
  },
);

/** Whether an operator's own token can travel in a header. */
export function isUsableToken(token: string): boolean {
  return /^[\x21-\x7e]{8,512}$/.test(token);
}
