import { addressList } from "../../lib/address-list.ts";
import { shortened } from "../../lib/shortened.ts";
import { duration, list, onOff } from "../kinds.ts";
import { group } from "../setting.ts";

export const serving = group(
  { title: "Serving" },
  {
    /** Addresses and networks of proxies whose `X-Forwarded-For` is believed. */
    trustedProxies: list("trusted-proxies", {
      help: "addresses and networks of proxies whose X-Forwarded-For is believed, separated by commas",
      read(entries, wrong) {
        for (const entry of addressList(entries).wrong) {
          wrong(`"${shortened(entry)}" is neither an address nor a network such as 10.0.0.0/8`);
        }
        return entries;
      },
    }),
    /** Origins of web pages that may call, such as `https://console.example`; `*` allows every one. */
    corsOrigins: list("cors-origins", {
      help: "origins of web pages that may call, separated by commas; * for all",
      read(entries, wrong) {
        for (const entry of entries) {
          if (entry !== "*" && URL.parse(entry)?.origin !== entry) {
            wrong(`"${shortened(entry)}" is not an origin such as https://console.example`);
          }
        }
        return entries;
      },
    }),
    /** Whether the schema can be asked for without a token. */
    reflection: onOff("reflection", { help: "answer gRPC reflection without a token", default: true }),
    /** Whether plain unary calls are served past Connect; docs/decisions/hot-path.md. */
    hotPath: onOff("hot-path", {
      help: "serve plain calls the short way; off serves all through Connect",
      default: true,
    }),
    /** How long a watch may be silent before it says something that keeps proxies from cutting it; 0 for ever. */
    watchKeepAliveMs: duration("watch-keep-alive", "seconds", {
      help: "a watch that has been silent for so long sends an empty message, 0 for never",
      from: 0,
      to: 3600,
      default: 30_000,
    }),
    /** How long running calls may take to finish after SIGTERM. */
    shutdownDeadlineMs: duration("shutdown-deadline", "seconds", {
      help: "how long running calls may take to finish after SIGTERM",
      from: 0,
      to: 3600,
      default: 10_000,
    }),
  },
);
