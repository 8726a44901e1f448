import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { selfSigned } from "../support/certificate.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import type { CallerKind } from "./caller.ts";
import { bufCurl } from "./callers/buf-curl.ts";
import { connectEs } from "./callers/connect-es.ts";
import { curl } from "./callers/curl.ts";
import { grpcJs } from "./callers/grpc-js.ts";
import { tellStory } from "./story.ts";

// Every way into the server tells the same story: client by HTTP version by clear text and TLS.

const kinds: readonly CallerKind[] = [
  curl("1.1"),
  curl("2"),
  connectEs("Connect JSON", "1.1"),
  connectEs("Connect JSON", "2"),
  connectEs("Connect binary", "1.1"),
  connectEs("Connect binary", "2"),
  connectEs("gRPC-Web", "1.1"),
  connectEs("gRPC-Web", "2"),
  connectEs("gRPC (connect-node)", "2"),
  grpcJs,
  bufCurl("grpc"),
  bufCurl("grpcweb"),
  bufCurl("connect"),
];

describe.each(["clear text", "TLS"] as const)("over %s", (security) => {
  let folder: string;
  let caFile: string | null;
  let server: TestServer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rollcall-matrix-"));
    if (security === "clear text") {
      caFile = null;
      server = await startTestServer();
    } else {
      const files = {
        certFile: join(folder, "cert.pem"),
        keyFile: join(folder, "key.pem"),
        clientCaFile: null,
      };
      const { cert, key } = selfSigned("localhost");
      writeFileSync(files.certFile, cert);
      writeFileSync(files.keyFile, key);
      caFile = files.certFile;
      server = await startTestServer({ config: { tls: files } });
    }
  });

  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  test.each(kinds.map((kind) => [kind.name, kind.http, kind] as const))(
    "%s, HTTP/%s",
    async (_name, _http, kind) => {
      const caller = kind.open({
        url: server.url.replace("127.0.0.1", "localhost"),
        token: adminToken,
        caFile,
      });
      try {
        await tellStory(caller);
      } finally {
        caller.close();
      }
    },
  );
});
