import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { healthEndpoints, type Readiness } from "../../src/http/plain/plain.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

const run = promisify(execFile);
let readiness: Readiness = { ready: true };
let server: Toy;
beforeAll(async () => {
  server = await toyServer({
    handler: {
      cors: { origins: ["https://console.example.com"] },
      plain: {
        ...healthEndpoints(() => readiness),
        "/fails": () => {
          throw new Error("secret cause");
        },
      },
    },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const service = "/gitpod.v1.RunnerService";
const json = { "content-type": "application/json" };
const send = (path: string, method = "GET", headers: Record<string, string> = {}, body?: string) =>
  fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
const curl = async (...flags: string[]) => (await run("curl", ["-s", "-i", "-m", "5", ...flags])).stdout;

describe("paths", () => {
  test.each(["", "/api"])("procedures are served under %j, over both versions of HTTP", async (prefix) => {
    for (const version of ["--http1.1", "--http2-prior-knowledge"]) {
      const url = `${server.url}${prefix}${service}/CreateRunner`;
      const out = await curl(version, url, "-H", "content-type: application/json", "-d", '{"name":"abc"}');
      expect(out).toMatch(/^HTTP\/(1\.1|2) 200/);
      expect(out).toContain('{"runner":{"name":"abc"}}');
    }
  });

  test.each([
    "/favicon.ico",
    "/",
    "/api",
    "/assets/app",
    "/other/gitpod.v1.RunnerService/CreateRunner",
    "/api/healthz",
  ])("%s is 404 with JSON", async (path) => {
    const response = await send(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
  });
});

describe("an unknown procedure is unimplemented in", () => {
  test.each([`${service}/Nope`, `/api${service}/Nope`, "/no.such.Service/Nope"])(
    "Connect: %s",
    async (path) => {
      const response = await send(path, "POST", json, "{}");
      expect([response.status, response.headers.get("x-should-retry")]).toEqual([404, "false"]);
      expect(await response.json()).toMatchObject({ code: "unimplemented" });
    },
  );

  test("Connect, of a service that has others", async () => {
    const response = await send(`${service}/ParseContextURL`, "POST", json, "{}");
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([501, "false"]);
  });

  test.each(["application/grpc-web+proto", "application/grpc-web-text", "application/grpc+proto"])(
    "%s: trailers only",
    async (contentType) => {
      const response = await send(`${service}/Nope`, "POST", { "content-type": contentType }, "");
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(contentType);
      expect(response.headers.get("grpc-status")).toBe("12");
      expect(decodeURIComponent(response.headers.get("grpc-message") ?? "")).toContain("unknown procedure");
      expect(await response.text()).toBe("");
    },
  );

  test("Connect streams: the end of the stream", async () => {
    const response = await send(
      `${service}/Nope`,
      "POST",
      { "content-type": "application/connect+json" },
      "",
    );
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.status, bytes.readUInt8(0), bytes.readUInt32BE(1)]).toEqual([200, 2, bytes.length - 5]);
    expect(JSON.parse(bytes.subarray(5).toString())).toMatchObject({ error: { code: "unimplemented" } });
  });

  test("gRPC, under any path", async () => {
    const client = createClient(EventService, createGrpcTransport({ baseUrl: `${server.url}/other` }));
    const first = client.watchEvents({})[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: Code.Unimplemented });
  });
});

describe("refusals that explain themselves", () => {
  test("a type for the body that a GET does not have is no reason to refuse it", async () => {
    const query = "?connect=v1&encoding=json&message=%7B%7D";
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect((await send(`${service}/ListRunners${query}`, "GET", headers)).status).toBe(200);
  });

  test("a wrong method is 405 with Allow", async () => {
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      const response = await send(`${service}/CreateRunner`, method);
      expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
      expect(response.headers.get("content-type")).toContain("text/plain");
      expect(await response.text()).toBe(`${method} is not allowed here: use POST\n`);
    }
  });

  test.each([[{ "content-type": "text/plain" }], [{ "content-type": "application/connect+json" }]])(
    "content type %j of a unary call is 415 with Accept-Post",
    async (headers) => {
      const response = await send(`${service}/CreateRunner`, "POST", headers, "{}");
      expect(response.status).toBe(415);
      expect(response.headers.get("accept-post")).toContain("application/json, application/grpc+json");
      expect(response.headers.get("content-type")).toContain("text/plain");
      expect(await response.text()).toContain("is not supported here: use one of application/json");
    },
  );

  test("a gRPC frame that is cut off is invalid_argument", async () => {
    const headers = { "content-type": "application/grpc-web+proto" };
    const response = await send(`${service}/CreateRunner`, "POST", headers, "\0\0\0\0\x09abc");
    expect(await response.text()).toContain(`grpc-status: ${Code.InvalidArgument}`);
  });

  test("a request whose Host is no host is 400", async () => {
    const out = await curl(
      "--http1.1",
      `${server.url}${service}/CreateRunner`,
      "-H",
      "Host: a b",
      "-d",
      "{}",
    );
    expect(out).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("plain endpoints", () => {
  test("/readyz follows readiness, /healthz does not", async () => {
    readiness = { ready: false, reason: "migrating" };
    const unready = await send("/readyz");
    expect([unready.status, await unready.json()]).toEqual([503, { status: "unready", reason: "migrating" }]);
    expect((await send("/healthz")).status).toBe(200);
    readiness = { ready: true };
    expect((await send("/readyz?verbose")).status).toBe(200);
  });

  test("HEAD has the length and no body, POST is 405", async () => {
    const head = await send("/healthz", "HEAD");
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "16", ""]);
    const post = await send("/healthz", "POST");
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("one that throws is 500 without the cause", async () => {
    const response = await send("/fails");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(server.errors.splice(0)).toMatchObject([{ message: "secret cause" }]);
  });
});

describe("CORS", () => {
  const preflight = (origin: string) =>
    send(`/api${service}/CreateRunner`, "OPTIONS", {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers":
        "authorization,connect-protocol-version,idempotency-key,x-foo,grpc-timeout,cookie",
    });

  test("a preflight of a configured origin is 204 with what clients need", async () => {
    const response = await preflight("https://console.example.com");
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://console.example.com");
    expect(response.headers.get("access-control-allow-methods")).toBe("POST, GET");
    expect(response.headers.get("access-control-allow-headers")).toBe(
      "authorization, connect-protocol-version, idempotency-key, x-foo, grpc-timeout",
    );
    expect(response.headers.get("vary")).toContain("Origin");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("another origin is refused", async () => {
    for (const origin of ["https://evil.example.com", "null", "https://console.example.com.evil"]) {
      const response = await preflight(origin);
      expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([403, null]);
    }
  });

  test("answers of every kind carry the headers for a configured origin, and Vary for all", async () => {
    const origin = "https://console.example.com";
    for (const path of [`${service}/CreateRunner`, `${service}/Nope`]) {
      const allowed = await send(path, "POST", { ...json, origin }, "{}");
      expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
      expect(allowed.headers.get("access-control-expose-headers")).toContain("Grpc-Status");
      const other = await send(path, "POST", { ...json, origin: "https://evil.example.com" }, "{}");
      expect([other.headers.get("access-control-allow-origin"), other.headers.get("vary")]).toEqual([
        null,
        "Origin",
      ]);
    }
  });

  test("no origin is allowed unless configured, every one with *", async () => {
    await using closed = await toyServer();
    await using open = await toyServer({ handler: { cors: { origins: ["*"] } } });
    const from = (toy: Toy) => fetch(`${toy.url}/x`, { headers: { origin: "https://a.example" } });
    expect((await from(closed)).headers.get("access-control-allow-origin")).toBeNull();
    expect((await from(open)).headers.get("access-control-allow-origin")).toBe("*");
  });
});
