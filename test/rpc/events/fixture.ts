import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  EventService,
  ResourceOperation,
  ResourceType,
  type WatchEventsRequestSchema,
} from "../../../gen/gitpod/v1/event_pb.js";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import type { Clients, Wire } from "../../support/clients.ts";
import { adminToken, type TestServer } from "../../support/server.ts";

/** The path of the method, for tests that write their own bytes. */
export const watchPath = "/gitpod.v1.EventService/WatchEvents";

export interface WatchChoice {
  readonly request?: MessageInitShape<typeof WatchEventsRequestSchema>;
  readonly wire?: Wire;
  /** The admin's unless told otherwise. */
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

/** An open watch: what it got, and ways to wait for more and to leave. */
export interface OpenWatch {
  /** Events as `OPERATION TYPE id`, in the order of their arrival. */
  readonly got: readonly string[];
  /** Settles as the stream does. */
  readonly done: Promise<void>;
  /** The response headers. */
  readonly opened: Promise<Headers>;
  /** The trailers, when the stream ends without an error. */
  readonly ended: Promise<Headers>;
  /** Resolves once so many events have arrived; rejects when the stream ends before. */
  count(wanted: number): Promise<void>;
  leave(): Promise<void>;
}

export function openWatch(clients: Clients, choice: WatchChoice = {}): OpenWatch {
  const { request = {}, wire = "grpc 2", token = adminToken, headers = {} } = choice;
  const leave = new AbortController();
  const got: string[] = [];
  const opened = Promise.withResolvers<Headers>();
  const ended = Promise.withResolvers<Headers>();
  const waiting = new Set<() => void>();
  const done = (async () => {
    const stream = clients.client(EventService, { token, wire }).watchEvents(request, {
      signal: leave.signal,
      onHeader: opened.resolve,
      onTrailer: ended.resolve,
      headers,
    });
    for await (const { operation, resourceType, resourceId } of stream) {
      got.push(`${ResourceOperation[operation]} ${ResourceType[resourceType]} ${resourceId}`);
      for (const look of waiting) look();
    }
  })();
  for (const { promise, reject } of [opened, ended]) {
    done.catch(reject);
    promise.catch(() => {});
  }
  return {
    got,
    done,
    opened: opened.promise,
    ended: ended.promise,
    async leave() {
      leave.abort();
      await done.catch(() => {});
    },
    async count(wanted) {
      while (got.length < wanted) {
        const more = new Promise<"more">((resolve) => waiting.add(() => resolve("more")));
        const next = await Promise.race([done, more]);
        waiting.clear();
        if (next !== "more" && got.length < wanted) throw new Error("the stream ended without an error");
      }
    },
  };
}

/** Registers a runner; resolves to its id. */
export async function createRunner(server: TestServer, token = adminToken): Promise<string> {
  const { runner } = await server
    .client(RunnerService, { token })
    .createRunner({ name: "watched", provider: RunnerProvider.AWS_EC2 });
  return runner?.runnerId ?? "";
}

export async function rename(server: TestServer, runnerId: string, name = "renamed"): Promise<void> {
  await server.client(RunnerService).updateRunner({ runnerId, name });
}

export const created = (id: string) => `CREATE RUNNER ${id}`;
export const updated = (id: string) => `UPDATE RUNNER ${id}`;
export const deleted = (id: string) => `DELETE RUNNER ${id}`;
