import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Registry } from "prom-client";
import type { CallMeter, StreamMeter } from "../rpc/call/observed-call.ts";
import { type Count, counter, gauge, histogram, type Labels, type Observations } from "./series.ts";

/** Seconds. Most calls take less than a millisecond, those that change something wait for the disk. */
const durations = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One more than the largest code of gRPC; 0 stands for "ok". */
const codes = 17;

type MethodLabels = Labels<"service" | "method">;

/** What is counted of one method. Series appear with the first call that has them. */
interface MethodSeries {
  readonly labels: MethodLabels;
  /** By protocol and code. */
  readonly ended: Map<string, (Count | undefined)[]>;
  ok?: Observations;
  error?: Observations;
  readonly open: { streams: number; sent?: Count };
}

/** Counts calls. Methods are those of the schema that is served: what strangers ask for makes no series. */
export class CallMetrics implements CallMeter {
  readonly #methods = new Map<DescMethod, MethodSeries>();
  readonly #ended: (labels: MethodLabels & Labels<"protocol" | "code">) => Count;
  readonly #seconds: (labels: MethodLabels & Labels<"result">) => Observations;
  readonly #sent: (labels: MethodLabels) => Count;
  readonly #unknown: Count;
  readonly #internal: Count;

  constructor(registry: Registry) {
    this.#ended = counter({
      registry,
      name: "rollcall_calls_total",
      help: "Calls that have ended, refused ones and streams included.",
      labelNames: ["service", "method", "protocol", "code"],
    });
    this.#seconds = histogram(
      {
        registry,
        name: "rollcall_call_duration_seconds",
        help: "From the headers of a unary call until its answer was decided, the time its body took to arrive included.",
        labelNames: ["service", "method", "result"],
      },
      durations,
    );
    this.#sent = counter({
      registry,
      name: "rollcall_stream_messages_sent_total",
      help: "Messages that went to the clients of streams.",
      labelNames: ["service", "method"],
    });
    gauge(
      {
        registry,
        name: "rollcall_streams_open",
        help: "Streams that are being served now.",
        labelNames: ["service", "method"],
      },
      () =>
        [...this.#methods.values()].flatMap(({ labels, open }) =>
          open.sent === undefined ? [] : [[open.streams, labels] as const],
        ),
    );
    this.#unknown = counter({
      registry,
      name: "rollcall_unknown_procedure_calls_total",
      help: "Calls of procedures that this server does not have.",
      labelNames: [],
    })({});
    this.#internal = counter({
      registry,
      name: "rollcall_internal_errors_total",
      help: "Errors that are the server's own fault; each is in the log with its cause.",
      labelNames: [],
    })({});
  }

  ended(method: DescMethod, protocol: string, code: Code | null, seconds: number): void {
    const series = this.#of(method);
    const count = this.#countOf(series, protocol, code);
    count.value += 1;
    // How long a stream lasts is its client's choice.
    if (method.methodKind !== "unary") return;
    if (code === null) series.ok ??= this.#seconds({ ...series.labels, result: "ok" });
    else series.error ??= this.#seconds({ ...series.labels, result: "error" });
    (code === null ? series.ok : series.error)?.observe(seconds);
  }

  opened(method: DescMethod): StreamMeter {
    const { open, labels } = this.#of(method);
    open.sent ??= this.#sent(labels);
    const { sent } = open;
    open.streams += 1;
    return {
      sent: () => {
        sent.value += 1;
      },
      closed: () => {
        open.streams -= 1;
      },
    };
  }

  unknownProcedure(): void {
    this.#unknown.value += 1;
  }

  internalError(): void {
    this.#internal.value += 1;
  }

  #of(method: DescMethod): MethodSeries {
    let series = this.#methods.get(method);
    if (series === undefined) {
      const labels = { service: method.parent.typeName, method: method.name };
      series = { labels, ended: new Map(), open: { streams: 0 } };
      this.#methods.set(method, series);
    }
    return series;
  }

  #countOf({ ended, labels }: MethodSeries, protocol: string, code: Code | null): Count {
    let counts = ended.get(protocol);
    if (counts === undefined) {
      counts = Array.from({ length: codes });
      ended.set(protocol, counts);
    }
    let count = counts[code ?? 0];
    if (count === undefined) {
      count = this.#ended({ ...labels, protocol, code: code === null ? "ok" : codeToString(code) });
      counts[code ?? 0] = count;
    }
    return count;
  }
}
