import { DAY_MS } from "../../domain/leases/settings.ts";
import { duration } from "../kinds.ts";
import { group } from "../setting.ts";

export const upkeep = group(
  { title: "What is kept, and for how long" },
  {
    retention: {
      auditMs: duration("audit-retention", "days", {
        help: "how long the audit log is kept",
        from: 1,
        to: 36_500,
        default: 365 * DAY_MS,
      }),
      eventsMs: duration("event-retention", "hours", {
        help: "how long events are kept, for watches to resume",
        from: 1,
        to: 8760,
        default: DAY_MS,
      }),
    },
    /** How long a key signs tokens for other systems. */
    keyRotationMs: duration("key-rotation", "days", {
      help: "how long a key signs id tokens before the next one takes over",
      from: 1,
      to: 3650,
      default: 30 * DAY_MS,
    }),
  },
);
