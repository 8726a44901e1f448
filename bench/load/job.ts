import type { Fields } from "./hpack.ts";

/** What a load process is told to do: the same call again and again. */
export interface LoadJob {
  readonly host: string;
  readonly port: number;
  readonly http: "1.1" | "2";
  /** `/package.Service/Method` */
  readonly path: string;
  /** Header fields beside those that every request has; names in lower case. */
  readonly fields: Fields;
  /** Body of each request, gRPC's frame included, as base64. */
  readonly body: string;
  readonly inFlight: number;
  /** How long to call before anything is counted, and how long to count, in milliseconds. */
  readonly warmUpMs: number;
  readonly countMs: number;
}

/** What came of it. */
export interface LoadResult {
  /** Counted calls, failed ones left out. */
  readonly calls: number;
  readonly failed: number;
  readonly seconds: number;
  /** Latency of the counted calls, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** CPU that the load process itself took for each call, in microseconds. */
  readonly ownCpuUs: number;
}

/** What a load process says: when it begins and ends to count, and with `result` the end. */
export type LoadMessage =
  | { readonly kind: "counting" }
  | { readonly kind: "counted" }
  | { readonly kind: "result"; readonly result: LoadResult };
