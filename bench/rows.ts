import { type BenchCall, type Way, ways } from "./calls.ts";
import type { Contender, Ours } from "./subjects/contenders.ts";
import { etcdCalls } from "./subjects/etcd.ts";

/** Everybody that is measured. */
export interface Field {
  readonly floor: Contender;
  readonly connect: Contender;
  readonly peer: Contender;
  readonly ours: Ours;
  readonly oursLongWay: Ours;
  readonly etcd: Contender | null;
  /** Null where there is no Go. */
  readonly goPeers: { readonly grpc: Contender; readonly connect: Contender } | null;
}

/** One line of the report: a call, the way it goes, and who answers. */
export interface Row {
  /** `RenewRegistration gRPC 2 ours`: unique, what --only is matched with. */
  readonly label: string;
  readonly who: Contender;
  readonly call: BenchCall;
  readonly way: Way;
  /** Whether each call waits for a disk. */
  readonly durable: boolean;
}

/** All rows, those that are compared with each other next to each other. */
export function rowsOf(field: Field): readonly Row[] {
  const [grpc] = ways;
  if (grpc === undefined) throw new Error("there are no ways");
  const rows: Row[] = [];
  const add = (name: string, who: Contender, call: BenchCall, way: Way, durable: boolean) =>
    rows.push({ label: labelOf(call.name, way, name), who, call, way, durable });
  field.ours.calls.forEach((call, index) => {
    const durable = call.name === "CreateRunner";
    for (const way of ways) {
      add("floor", field.floor, call, way, false);
      add("connect-node", field.connect, call, way, false);
      add("ours", field.ours, call, way, durable);
    }
    const same = field.oursLongWay.calls[index];
    if (same !== undefined) add("ours, hot path off", field.oursLongWay, same, grpc, durable);
    if (field.goPeers !== null) {
      add("grpc-go", field.goPeers.grpc, call, grpc, durable);
      for (const way of ways) add("connect-go", field.goPeers.connect, call, way, durable);
    }
    if (durable) add("grpc-js + better-sqlite3", field.peer, call, grpc, true);
  });
  if (field.etcd !== null) {
    for (const call of etcdCalls) add("etcd", field.etcd, call, grpc, call.name === "Put");
  }
  return rows;
}

export function labelOf(call: string, way: Pick<Way, "protocol" | "http">, who: string): string {
  return `${call} ${way.protocol} HTTP/${way.http} ${who}`;
}
