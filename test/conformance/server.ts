import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { create, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Registry } from "prom-client";
import { defaultLimits } from "../../src/domain/limits/connection-limits.ts";
import { type Listener, listen } from "../../src/http/connections/listener.ts";
import { createHandler } from "../../src/http/handler.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { CallObserver } from "../../src/rpc/call/call-observer.ts";
import { callInterceptor } from "../../src/rpc/call/calls.ts";
import { failureInterceptor } from "../../src/rpc/call/failures.ts";
import { validationInterceptor } from "../../src/rpc/call/validation.ts";
import { CallMetrics } from "../../src/telemetry/call-metrics.ts";
import { createLog } from "../../src/telemetry/logger.ts";
import { hotPathOn } from "../support/hot-path.ts";
import { messageOf, type ServerRequest, suiteSchema } from "./messages.ts";
import { conformanceRoutes } from "./service.ts";

// The server under test, as the runner starts it: one request on standard input, its address on standard output,
// and served until SIGTERM. It is what `src/server.ts` puts together, with the suite's service in place of ours
// and without what asks who the caller is.

/** Milliseconds. Calls that still run when the runner stops the server belong to a test that gave up. */
const closeMs = 1_000;

const { values } = parseArgs({ options: { schema: { type: "string", default: "" } } });

async function start(request: ServerRequest, schema: FileRegistry): Promise<Listener> {
  const messageBytes = request.messageReceiveLimit || defaultLimits.messageBytes;
  const { serverCreds, clientTlsCert } = request;
  const log = createLog("warn", false);
  const observer = new CallObserver({
    log,
    clock: systemClock,
    meter: new CallMetrics(new Registry()),
    tracer: null,
  });
  return listen({
    host: "127.0.0.1",
    port: 0,
    limits: { ...defaultLimits, messageBytes },
    ...(request.useTls &&
      serverCreds && {
        tls: {
          cert: Buffer.from(serverCreds.cert),
          key: Buffer.from(serverCreds.key),
          ...(clientTlsCert.length > 0 && { clientCa: Buffer.from(clientTlsCert) }),
        },
      }),
    ...createHandler({
      hotPath: hotPathOn,
      routes: conformanceRoutes(schema),
      readMaxBytes: messageBytes,
      // In JSON, a message of the suite holds others of its types as `Any`.
      jsonOptions: { registry: schema },
      requestGate: (context) => void observer.begin(context),
      onOver: (context, reason) => observer.over(context, reason),
      interceptors: [
        callInterceptor(observer),
        failureInterceptor((error, id) => log.error({ err: error, errorId: id }, "internal error")),
        validationInterceptor(),
      ],
      onError: (error, path) => log.error({ err: error, path }, "internal error"),
    }),
  });
}

const schema = suiteSchema(readFileSync(values.schema));
// A length of four bytes, the high one first, then the message.
const input = readFileSync(0);
const message = input.subarray(4, 4 + input.readUInt32BE(0));
const request = fromBinary(messageOf(schema, "ServerCompatRequest"), message) as unknown as ServerRequest;
const listener = await start(request, schema);
process.once("SIGTERM", () => void listener.close(closeMs));

const response = messageOf(schema, "ServerCompatResponse");
const answer = toBinary(
  response,
  create(response, {
    host: "127.0.0.1",
    port: listener.port,
    ...(request.serverCreds && { pemCert: request.serverCreds.cert }),
  }),
);
const length = Buffer.alloc(4);
length.writeUInt32BE(answer.length);
process.stdout.write(Buffer.concat([length, answer]));
