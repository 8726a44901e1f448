import { expect, test } from "vitest";
import { RawClient } from "../http/support/raw.ts";
import { adminToken, startTestServer } from "../support/server.ts";

test.each([
  ["a stream", "gitpod.v1.EventService/WatchEvents", "application/connect+json"],
  ["a unary call", "gitpod.v1.RunnerService/ListRunners", "application/grpc-web+proto"],
])(
  "a client that breaks off in the middle of the body of %s is no error of the server",
  async (_what, path, type) => {
    const server = await startTestServer();
    const { port } = new URL(server.url);
    const client = await RawClient.connect(Number(port));
    client.send(
      `POST /${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nAuthorization: Bearer ${adminToken}\r\n` +
        "Content-Length: 100\r\n\r\n\0\0\0\0",
    );
    // The server is at work on the first client once it has answered a second one.
    expect((await server.post("gitpod.v1.RunnerService/ListRunners", {})).status).toBe(200);
    client.socket.resetAndDestroy();
    expect((await server.post("gitpod.v1.RunnerService/ListRunners", {})).status).toBe(200);
    await server.close();
    expect(server.log.lines().filter(({ level }) => Number(level) >= 50)).toEqual([]);
  },
);
