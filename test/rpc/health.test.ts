import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.js";
import { healthService } from "../../src/rpc/services/health.ts";

const name = RunnerService.typeName;
const listeners = new Set<() => void>();
let serving = true;
function set(next: boolean): void {
  serving = next;
  for (const listener of listeners) listener();
}
const source = {
  serving: () => serving,
  onChange(listener: () => void) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
const shutdown = new AbortController();
const client = createClient(
  Health,
  createRouterTransport(
    (router) => {
      router.service(Health, healthService(source, [RunnerService], 0));
    },
    { router: { shutdownSignal: shutdown.signal } },
  ),
);
beforeEach(() => set(true));

describe("Check and List", () => {
  test.each(["", name])("say whether %j is served", async (service) => {
    expect((await client.check({ service })).status).toBe(Status.SERVING);
    set(false);
    expect((await client.check({ service })).status).toBe(Status.NOT_SERVING);
    expect((await client.list({})).statuses[service]?.status).toBe(Status.NOT_SERVING);
  });

  test("an unknown service is not_found", async () => {
    await expect(client.check({ service: "no.Such" })).rejects.toMatchObject({ code: Code.NotFound });
  });
});

describe("Watch", () => {
  test("says the status at once and after each change, and stops listening when it is cancelled", async () => {
    const cancel = new AbortController();
    const watch = client.watch({ service: name }, { signal: cancel.signal })[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).toBe(Status.SERVING);
    const next = watch.next();
    set(true);
    set(false);
    expect((await next).value?.status).toBe(Status.NOT_SERVING);
    const pending = watch.next();
    set(true);
    expect((await pending).value?.status).toBe(Status.SERVING);
    const last = watch.next();
    cancel.abort();
    await expect(last).rejects.toMatchObject({ code: Code.Canceled });
    while (listeners.size > 0) await new Promise(setImmediate);
  });

  test("says SERVICE_UNKNOWN for an unknown service and goes on", async () => {
    const cancel = new AbortController();
    const watch = client.watch({ service: "no.Such" }, { signal: cancel.signal })[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
    const next = watch.next();
    cancel.abort();
    await expect(next).rejects.toMatchObject({ code: Code.Canceled });
  });

  test("ends at shutdown", async () => {
    const watch = client.watch({})[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).toBe(Status.SERVING);
    const next = watch.next();
    shutdown.abort();
    expect((await next).done).toBe(true);
    expect(listeners.size).toBe(0);
  });
});
