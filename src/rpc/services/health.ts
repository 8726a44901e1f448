import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../gen/grpc/health/v1/health_pb.js";
import { shortened } from "../../lib/shortened.ts";

/** Whether this server takes calls. All services share one answer: they live and die in one process. */
export interface HealthSource {
  serving(): boolean;
  /** Calls back after each change until the returned function is called. */
  onChange(listener: () => void): () => void;
}

/**
 * `grpc.health.v1.Health` for the server as a whole (the empty name) and each of its services. A name it does not
 * know is `not_found` on Check, and SERVICE_UNKNOWN for as long as the caller likes on Watch.
 */
export function healthService(
  source: HealthSource,
  services: readonly DescService[],
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
    async *watch({ service }, { signal }) {
      if (!known.has(service)) {
        yield { status: Status.SERVICE_UNKNOWN };
        await new Promise<void>((resolve) => onAbort(signal, resolve));
        return;
      }
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
            yield { status: current };
          }
          if (!signal.aborted) await changed;
        }
      } finally {
        stop();
      }
    },
  };
}

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}
