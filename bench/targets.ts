import { labelOf } from "./rows.ts";
import type { RowResult } from "./run.ts";
import type { ListEquality } from "./store/list-equality.ts";

/** A ratio that was promised, and what it is. */
export interface Target {
  readonly text: string;
  /** Null where a row is missing. */
  readonly value: number | null;
  readonly met: boolean | null;
}

const grpc = { protocol: "gRPC", http: "2" } as const;
const jsonOver1 = { protocol: "Connect JSON", http: "1.1" } as const;

/** The promises that one run can tell, in the order of their numbers. @param list null where it was not measured */
export function targetsOf(
  results: ReadonlyMap<string, RowResult>,
  list: ListEquality | null,
): readonly Target[] {
  const row = (call: string, who: string, way: typeof grpc | typeof jsonOver1 = grpc) =>
    results.get(labelOf(call, way, who))?.at64;
  const cpu = (...of: Parameters<typeof row>) => row(...of)?.cpuUs;
  const rate = (...of: Parameters<typeof row>) => row(...of)?.perSecond;
  const [renew, get, create] = ["RenewRegistration", "GetRunner", "CreateRunner"];
  return [
    most("1 RenewRegistration, gRPC: CPU ÷ floor", cpu(renew, "ours"), cpu(renew, "floor"), 1.5),
    most(
      "1 RenewRegistration, gRPC: CPU ÷ connect-node",
      cpu(renew, "ours"),
      cpu(renew, "connect-node"),
      1 / 3,
    ),
    most("2 GetRunner, gRPC: CPU ÷ floor", cpu(get, "ours"), cpu(get, "floor"), 2),
    ...[renew, get].map((call) =>
      most(
        `2 ${call}, Connect JSON over HTTP/1.1: CPU ÷ floor`,
        cpu(call, "ours", jsonOver1),
        cpu(call, "floor", jsonOver1),
        2,
      ),
    ),
    ...[renew, get].flatMap((call) => [
      most(`2 ${call}, gRPC: CPU ÷ connect-go`, cpu(call, "ours"), cpu(call, "connect-go"), 0.5),
      most(`2 ${call}, gRPC: CPU ÷ grpc-go`, cpu(call, "ours"), cpu(call, "grpc-go"), 1.5),
    ]),
    least(
      "3 CreateRunner, 64 in flight: calls a second ÷ connect-go + SQLite",
      rate(create, "ours"),
      rate(create, "connect-go"),
      1,
    ),
    most(
      "3 CreateRunner, 64 in flight: CPU ÷ connect-go + SQLite",
      cpu(create, "ours"),
      cpu(create, "connect-go"),
      1.2,
    ),
    least(
      "3 CreateRunner, 64 in flight: calls a second ÷ grpc-js + better-sqlite3",
      rate(create, "ours"),
      rate(create, "grpc-js + better-sqlite3"),
      10,
    ),
    most("3 CreateRunner, 64 in flight: CPU ÷ floor", cpu(create, "ours"), cpu(create, "floor"), 3),
    least(
      "3 CreateRunner, 64 in flight: calls a second ÷ etcd's puts",
      rate(create, "ours"),
      rate("Put", "etcd"),
      1,
    ),
    most("6 ListRunners: a deep page ÷ page 1", list?.deepMs, list?.firstMs, 1.2),
    most("6 ListRunners: one provider's 1 % ÷ all", list?.filteredMs, list?.firstMs, 2),
  ];
}

function most(text: string, value: number | undefined, against: number | undefined, limit: number): Target {
  return target(`${text}, at most ${limit.toFixed(2)}`, value, against, (ratio) => ratio <= limit);
}

function least(text: string, value: number | undefined, against: number | undefined, limit: number): Target {
  return target(`${text}, at least ${limit.toFixed(2)}`, value, against, (ratio) => ratio >= limit);
}

function target(
  text: string,
  value: number | undefined,
  against: number | undefined,
  holds: (ratio: number) => boolean,
): Target {
  if (value === undefined || against === undefined) return { text, value: null, met: null };
  return { text, value: value / against, met: holds(value / against) };
}
