import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../gen/grpc/health/v1/health_pb.js";
import { fillSilence } from "../../lib/fill-silence.ts";
import { shortened } from "../../lib/shortened.ts";
import { silenceFilledKey } from "../call/context.ts";

/** Whether this server takes calls. All services share one answer: they live and die in one process. */
export interface HealthSource {
  serving(): boolean;
  /** Calls back after each change until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/**
 * `grpc.health.v1.Health` for the server as a whole (the empty name) and each of its services. A name it does not
 * know is `not_found` on Check, and SERVICE_UNKNOWN for as long as the caller likes on Watch.
 * @param keepAliveMs milliseconds of silence after which Watch repeats itself; 0 never
 */
export function healthService(
  source: HealthSource,
  services: readonly DescService[],
  keepAliveMs: number,
): Required<ServiceImpl<typeof Health>> {
  const names = ["", ...services.map((service) => service.typeName)];
  const known = new Set(names);
  const status = () => (source.serving() ? Status.SERVING : Status.NOT_SERVING);
  return {
    check({ service }) {
      if (!known.has(service)) throw new ConnectError(`unknown service ${shortened(service)}`, Code.NotFound);
      return { status: status() };
    },
    list() {
      return { statuses: Object.fromEntries(names.map((name) => [name, { status: status() }])) };
    },
    async *watch({ service }, { signal, values }) {
      const statuses = known.has(service) ? changes(signal) : unknownUntil(signal);
      const fills = !values.get(silenceFilledKey);
      let last: Status = Status.SERVICE_UNKNOWN;
      // The same status once more changes nothing, and keeps proxies from cutting a silent stream.
      for await (const status of fills ? fillSilence(statuses, keepAliveMs, undefined) : statuses) {
        last = status ?? last;
        yield { status: last };
      }
    },
  };

  async function* changes(signal: AbortSignal): AsyncGenerator<Status> {
    let wake = () => {};
    const stop = source.onChange(() => wake());
    onAbort(signal, () => wake());
    try {
      let sent: Status | undefined;
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const current = status();
        if (current !== sent) {
          sent = current;
          yield current;
        }
        if (!signal.aborted) await changed;
      }
    } finally {
      stop();
    }
  }
}

async function* unknownUntil(signal: AbortSignal): AsyncGenerator<Status> {
  yield Status.SERVICE_UNKNOWN;
  await new Promise<void>((resolve) => onAbort(signal, resolve));
}

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}
