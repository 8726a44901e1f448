import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import Database from "better-sqlite3";
import {
  type CreateRunnerRequest,
  CreateRunnerRequestSchema,
  type CreateRunnerResponse,
  CreateRunnerResponseSchema,
  RunnerService,
} from "../../gen/gitpod/v1/runner_pb.js";

// What somebody would write in an afternoon: grpc-js, better-sqlite3, one durable insert a call. It answers the runner
// and a token, and does nothing else that Rollcall does. Says its port.

const folder = mkdtempSync(join(tmpdir(), "bench-peer-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGTERM", () => process.exit());

const database = new Database(join(folder, "peer.db"));
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(
  "CREATE TABLE runners (id TEXT PRIMARY KEY, name TEXT, provider INTEGER, created_at INTEGER, token TEXT)",
);
const insert = database.prepare("INSERT INTO runners VALUES (?, ?, ?, ?, ?)");

const service = {
  createRunner: {
    path: `/${RunnerService.typeName}/CreateRunner`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: CreateRunnerRequest) =>
      Buffer.from(toBinary(CreateRunnerRequestSchema, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(CreateRunnerRequestSchema, bytes),
    responseSerialize: (message: CreateRunnerResponse) =>
      Buffer.from(toBinary(CreateRunnerResponseSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(CreateRunnerResponseSchema, bytes),
  },
} satisfies ServiceDefinition;

const server = new Server();
server.addService(service, {
  createRunner(
    call: { request: CreateRunnerRequest },
    done: (error: null, answer: CreateRunnerResponse) => void,
  ) {
    const { name, provider } = call.request;
    const [runnerId, exchangeToken] = [randomUUID(), randomUUID()];
    insert.run(runnerId, name, provider, Date.now(), exchangeToken);
    done(null, create(CreateRunnerResponseSchema, { runner: { runnerId, name, provider }, exchangeToken }));
  },
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ h2: port, h1: 0 });
});
