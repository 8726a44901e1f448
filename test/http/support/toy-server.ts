import type { ConnectRouter } from "@connectrpc/connect";
import { EventService } from "../../../gen/gitpod/v1/event_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { parseConfig } from "../../../src/config/config.ts";
import type { Limits } from "../../../src/domain/limits/connection-limits.ts";
import { type Listener, type ListenOptions, listen } from "../../../src/http/connections/listener.ts";
import { createHandler, type HandlerOptions } from "../../../src/http/handler.ts";
import { hotPathOn } from "../../support/hot-path.ts";
import { unhurried } from "../../support/unhurried.ts";

/** A call that ends when the test says so. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();
  /** Resolves once a call waits here. */
  readonly reached = this.#reached.promise;
  /** Calls that have come here. */
  waiting = 0;
  open(): void {
    this.#opened.resolve();
  }
  async wait(): Promise<void> {
    this.waiting += 1;
    this.#reached.resolve();
    await this.#opened.promise;
  }
}

export interface ToyOptions {
  readonly limits?: Partial<Limits>;
  readonly tls?: ListenOptions["tls"];
  readonly monotonic?: ListenOptions["monotonic"];
  readonly handler?: Partial<HandlerOptions>;
  readonly routes?: (router: ConnectRouter) => void;
  /** GetRunner waits here, when given. */
  readonly gate?: Gate;
}

export interface Toy extends AsyncDisposable {
  readonly listener: Listener;
  readonly url: string;
  readonly port: number;
  readonly errors: unknown[];
  /** Resolves once so many connections are open: a client hears of a close a moment before the server's count does. */
  connections(count: number): Promise<void>;
}

/** The real listener and handler over toy services, on a free port of the loopback interface. */
export async function toyServer(options: ToyOptions = {}): Promise<Toy> {
  const limits = { ...parseConfig(unhurried).limits, ...options.limits };
  const errors: unknown[] = [];
  const handler = createHandler({
    readMaxBytes: limits.messageBytes,
    hotPath: hotPathOn,
    onError: (error) => errors.push(error),
    routes: (router) => {
      router.service(RunnerService, {
        createRunner: ({ name, provider, spec }) => ({ runner: { name, provider, ...(spec && { spec }) } }),
        async getRunner({ runnerId }) {
          await options.gate?.wait();
          return { runner: { runnerId } };
        },
        listRunners: () => ({ runners: [] }),
      });
      router.service(EventService, {
        async *watchEvents(_request, { signal }) {
          yield { resourceId: "first" };
          await options.gate?.wait();
          if (!signal.aborted) yield { resourceId: "last" };
        },
      });
      options.routes?.(router);
    },
    ...options.handler,
  });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    limits,
    ...handler,
    onConnectionError: () => {},
    ...(options.tls && { tls: options.tls }),
    ...(options.monotonic && { monotonic: options.monotonic }),
  });
  return {
    listener,
    url: listener.url,
    port: listener.port,
    errors,
    async connections(count) {
      while (listener.connections() !== count) await new Promise(setImmediate);
    },
    async [Symbol.asyncDispose]() {
      options.gate?.open();
      await listener.close(0);
    },
  };
}
