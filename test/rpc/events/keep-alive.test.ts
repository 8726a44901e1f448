import { once } from "node:events";
import http from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../gen/grpc/health/v1/health_pb.js";
import type { Wire } from "../../support/clients.ts";
import { adminToken, startTestServer, type TestServer } from "../../support/server.ts";
import { created, createRunner, openWatch, watchPath } from "./fixture.ts";

// Proxies cut what is silent for a minute. A message that says nothing is what passes all of them.
const nothing = "UNSPECIFIED UNSPECIFIED ";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ config: { watchKeepAliveMs: 20 } });
});
afterEach(() => server.close());

const wires: Wire[] = [
  "grpc 2",
  "grpc-web 1.1",
  "grpc-web 2",
  "connect-json 1.1",
  "connect-json 2",
  "connect-binary 1.1",
];

test.each(wires)("a silent watch over %s brings empty messages, and events in between", async (wire) => {
  const watch = openWatch(server, { wire });
  await watch.count(3);
  expect(new Set(watch.got)).toEqual(new Set([nothing]));
  const id = await createRunner(server);
  while (!watch.got.includes(created(id))) await watch.count(watch.got.length + 1);
  await watch.count(watch.got.length + 2);
  await watch.leave();
  expect(watch.got.filter((event) => event !== nothing)).toEqual([created(id)]);
});

test.each(wires)("over %s nginx is asked not to hold a stream back", async (wire) => {
  const watch = openWatch(server, { wire });
  expect((await watch.opened).get("x-accel-buffering")).toBe("no");
  await watch.leave();
});

test("a watch that can be resumed brings none: its client counts messages", async () => {
  const resumable = openWatch(server, { headers: { "x-watch-cursor": "new" } });
  await resumable.opened;
  const other = openWatch(server);
  await other.count(10);
  const id = await createRunner(server);
  await resumable.count(1);
  expect(resumable.got).toEqual([created(id)]);
  await Promise.all([resumable.leave(), other.leave()]);
});

test("JSON lines bring none: they keep the connection alive by themselves", async () => {
  const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/jsonl" };
  const request = http.request(`${server.url}${watchPath}`, { method: "POST", headers, agent: false });
  request.end("{}");
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const other = openWatch(server);
  await other.count(10);
  const id = await createRunner(server);
  const [line] = await once(response.setEncoding("utf8"), "data");
  expect(JSON.parse(line)).toEqual({
    operation: "RESOURCE_OPERATION_CREATE",
    resourceType: "RESOURCE_TYPE_RUNNER",
    resourceId: id,
  });
  request.destroy();
  await other.leave();
});

test.each(["", "no.such.Service"])("a watch of the health of %j repeats the status", async (service) => {
  const abort = new AbortController();
  const statuses = server.client(Health, { token: null }).watch({ service }, { signal: abort.signal });
  const heard: Status[] = [];
  await expect(async () => {
    for await (const { status } of statuses) {
      heard.push(status);
      if (heard.length === 3) abort.abort();
    }
  }).rejects.toThrow();
  expect(new Set(heard)).toEqual(new Set([service === "" ? Status.SERVING : Status.SERVICE_UNKNOWN]));
});
