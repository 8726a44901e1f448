import { defaultQuotas } from "../../domain/limits/quotas.ts";
import { count } from "../kinds.ts";
import { group } from "../setting.ts";

export const quotas = group(
  { title: "Quotas" },
  {
    quotas: {
      ...defaultQuotas,
      runners: count("max-runners", {
        help: "runners of one organization",
        from: 1,
        to: 10_000_000,
        default: defaultQuotas.runners,
      }),
      exchangeTokens: count("max-exchange-tokens", {
        help: "exchange tokens of one runner that wait to be used",
        from: 1,
        to: 1_000_000,
        default: defaultQuotas.exchangeTokens,
      }),
      accessTokens: count("max-access-tokens", {
        help: "access tokens of one user, service account or runner that work",
        from: 1,
        to: 1_000_000,
        default: defaultQuotas.accessTokens,
      }),
      runnerStreams: count("max-runner-streams", {
        help: "streams that one runner has open",
        from: 1,
        to: 10_000,
        default: defaultQuotas.runnerStreams,
      }),
      callerStreams: count("max-caller-streams", {
        help: "streams that one user or service account has open",
        from: 1,
        to: 1_000_000,
        default: defaultQuotas.callerStreams,
      }),
      eventStreams: count("max-event-streams", {
        help: "event streams that one organization has open",
        from: 1,
        to: 1_000_000,
        default: defaultQuotas.eventStreams,
      }),
      addressStreams: count("max-address-streams", {
        help: "streams without a token, of health and reflection, that one address has open",
        from: 1,
        to: 1_000_000,
        default: defaultQuotas.addressStreams,
      }),
      anonymousStreams: count("max-anonymous-streams", {
        help: "streams without a token that are open in all",
        from: 1,
        to: 1_000_000,
        default: defaultQuotas.anonymousStreams,
      }),
    },
  },
);
