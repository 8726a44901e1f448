import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { type KeyPair, selfSigned } from "../support/certificate.ts";
import { type CommandProcess, listening, printed, startCommand } from "../support/command.ts";
import { peerOf } from "./support/peer.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-reload-"));
afterAll(() => rmSync(folder, { recursive: true }));
const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
const first = selfSigned("first");
const second = selfSigned("second");
const put = (pair: KeyPair) => {
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.key);
};

function serve(name: string) {
  const words = [
    "serve",
    "--port",
    "0",
    "--data-dir",
    join(folder, name),
    "--tls-cert",
    cert,
    "--tls-key",
    key,
  ];
  return startCommand(words, { ROLLCALL_ADMIN_TOKEN: "reload-admin-token" });
}

/** Resolves once the server's log says it. */
const says = (server: CommandProcess, text: string) => printed(server, "stderr", new RegExp(text));

test("SIGHUP brings a renewed certificate to new connections, and open ones go on, streams among them", async () => {
  put(first);
  const server = serve("hup");
  const url = await listening(server);
  const headers = { authorization: "Bearer reload-admin-token" };
  const sessionManager = new Http2SessionManager(url, {}, { ca: first.cert });
  const transport = createGrpcTransport({ baseUrl: url, sessionManager });
  const runners = createClient(RunnerService, transport);
  const opened = Promise.withResolvers<Headers>();
  const watch = createClient(EventService, transport)
    .watchEvents({}, { headers, onHeader: opened.resolve })
    [Symbol.asyncIterator]();
  const event = watch.next();
  await opened.promise;
  // HTTP/1.1 keeps its connection, too.
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: first.cert });
  const health = () =>
    new Promise<boolean>((resolve, reject) => {
      const request = https.get(`${url}/healthz`, { agent }, (answer) => {
        answer.resume().once("end", () => resolve(request.reusedSocket));
      });
      request.once("error", reject);
    });
  expect(await health()).toBe(false);
  const before = await peerOf(url);
  expect(before).toMatchObject({ name: "first", resumed: false });

  put(second);
  server.process.kill("SIGHUP");
  await says(server, "another TLS certificate for new connections");
  expect(server.stderr()).toMatch(/"names":"CN=second.*"notAfter":"20/);

  expect(await health()).toBe(true);
  await runners.createRunner({ name: "after", provider: RunnerProvider.GCP }, { headers });
  expect((await event).done).toBe(false);
  // A ticket of before is worth nothing: the client sees the new certificate, not the one that it remembers.
  expect(await peerOf(url, { session: before.session })).toMatchObject({ name: "second", resumed: false });
  const after = await peerOf(url, { ca: second.cert, rejectUnauthorized: true });
  expect(after.name).toBe("second");
  expect(await peerOf(url, { session: after.session })).toMatchObject({ resumed: true });

  writeFileSync(key, first.key);
  server.process.kill("SIGHUP");
  await says(server, "the TLS certificate in use stays");
  expect(server.stderr()).toContain("does not belong to the key");
  expect((await peerOf(url)).name).toBe("second");

  await watch.return?.();
  sessionManager.abort();
  agent.destroy();
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});

test("a server takes a renewed certificate up by itself", async () => {
  put(first);
  const server = serve("alone");
  const url = await listening(server);
  put(second);
  await says(server, "another TLS certificate for new connections");
  expect((await peerOf(url)).name).toBe("second");
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});

test("SIGHUP does nothing to a server without a certificate", async () => {
  const words = ["serve", "--port", "0", "--data-dir", join(folder, "clear")];
  const server = startCommand(words, { ROLLCALL_ADMIN_TOKEN: "reload-admin-token" });
  await listening(server);
  server.process.kill("SIGHUP");
  await says(server, "nothing to reload");
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});

test("a certificate that cannot be used keeps a server from starting, with one line that says why", async () => {
  writeFileSync(cert, first.cert);
  writeFileSync(key, second.key);
  const server = serve("mismatch");
  expect(await server.exited).toBe(2);
  expect(server.stderr()).toBe(`the first certificate in ${cert} does not belong to the key in ${key}\n`);
});
