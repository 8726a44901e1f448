import { defaultCallRates } from "../../domain/limits/call-limits.ts";
import { count, duration, seconds } from "../kinds.ts";
import { group } from "../setting.ts";

export const rates = group(
  { title: "How often callers may call" },
  {
    callRates: {
      perToken: count("rate-limit-token", {
        help: "calls a second with one access token, 0 for no limit",
        from: 0,
        to: 1_000_000,
        default: defaultCallRates.perToken,
      }),
      perAddress: count("rate-limit-address", {
        help: "calls a second from one address without a valid token, 0 for no limit",
        from: 0,
        to: 1_000_000,
        default: defaultCallRates.perAddress,
      }),
      burstSeconds: seconds("rate-limit-burst", {
        help: "so many seconds' worth of calls may come at once",
        from: 1,
        to: 3600,
        default: defaultCallRates.burstSeconds,
      }),
    },
    /** How long calls may wait for their turn before the less urgent are refused; 0 refuses none. */
    shedDelayMs: duration("shed-delay", "milliseconds", {
      help: "when calls wait so long for their turn, the less urgent are refused, 0 for never",
      from: 0,
      to: 60_000,
      default: 250,
    }),
  },
);
