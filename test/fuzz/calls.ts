import type http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { type DescMethod, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { GatewayService } from "../../gen/gitpod/v1/gateway_pb.js";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerConfigurationService } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import type { Known } from "./known.ts";
import { messages } from "./messages.ts";
import type { Random } from "./random.ts";

const services = [
  RunnerService,
  IdentityService,
  EventService,
  GroupService,
  UserService,
  ServiceAccountService,
  GatewayService,
  RunnerConfigurationService,
  RunnerAgentService,
  AdminService,
  Health,
  ServerReflection,
];
/** Every method that is declared, served or not. */
export const methods: readonly DescMethod[] = services.flatMap((service) => [...service.methods]);

/** One request, as it goes out. */
export interface Request {
  readonly path: string;
  readonly method: "POST" | "GET";
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Bearers of the calls; the admin's most of the time. */
export interface Tokens {
  readonly admin: string;
  readonly runner: string;
}

const watch: DescMethod = EventService.method.watchEvents;
const linesType = "application/jsonl";
const types = [
  "application/json",
  "application/proto",
  "application/grpc",
  "application/grpc+proto",
  "application/grpc-web+proto",
  "application/connect+json",
  "application/connect+proto",
  linesType,
  "application/json; charset=utf-8",
] as const;

/** A call that is right but for what its message says, or wrong in one place. */
export function randomCall(random: Random, tokens: Tokens, known: Known): Request {
  const type: string = random.of(types);
  // Only streams are asked for in lines.
  const method = type === linesType && random.chance(80) ? watch : random.of(methods);
  const message = fc.sample(messages(method.input), { numRuns: 1, seed: random.below(2 ** 31) })[0];
  if (message !== undefined && random.chance(50)) known.plant(random, method.input, message);
  let body = message === undefined ? Buffer.alloc(0) : encoded(method, message, type.includes("json"));
  if (random.chance(30)) body = random.damaged(body);
  const headers: Record<string, string> = {
    "content-type": type,
    authorization: bearer(random, tokens, known),
  };
  if (type.includes("grpc") || type.includes("connect+")) {
    headers.te = "trailers";
    body = random.chance(10) ? random.damaged(envelope(body)) : envelope(body);
  } else if (random.chance(10)) {
    headers["content-encoding"] = "gzip";
    body = random.chance(50) ? gzipSync(body) : random.damaged(gzipSync(body));
  }
  if (random.chance(5))
    headers[
      random.of([
        "connect-timeout-ms",
        "grpc-timeout",
        "idempotency-key",
        "connect-protocol-version",
        "accept-encoding",
        "x-forwarded-for",
        "accept",
      ])
    ] = random.of(["", "1", "5S", "-1", "99999999999999999999", "%%%", "gzip, br", "application/jsonl"]);
  if (method === watch && random.chance(50)) {
    headers["x-watch-cursor"] = random.chance(30) ? "new" : known.some(random);
    if (random.chance(50)) headers["x-watch-received"] = random.of(["0", "1", "-1", "999999999", "x"]);
  }
  const deadline: [string, string] = type.includes("grpc")
    ? ["grpc-timeout", "500m"]
    : ["connect-timeout-ms", "500"];
  headers[deadline[0]] ??= deadline[1];
  const path = `${random.chance(30) ? "/api" : ""}/${method.parent.typeName}/${method.name}`;
  if (random.chance(8))
    return { path: `${path}?${query(random, body)}`, method: "GET", headers, body: Buffer.alloc(0) };
  return { path: random.chance(8) ? `${path}?${query(random, body)}` : path, method: "POST", headers, body };
}

function encoded(method: DescMethod, message: Message, json: boolean): Buffer {
  try {
    return Buffer.from(json ? toJsonString(method.input, message) : toBinary(method.input, message));
  } catch {
    // JSON has no word for some timestamps; what bytes there are instead matters little.
    return Buffer.from('{"pagination":{"token":"%"}}');
  }
}

function bearer(random: Random, { admin, runner }: Tokens, known: Known): string {
  const chosen = random.below(20);
  if (chosen < 13) return `Bearer ${admin}`;
  if (chosen < 18) return `Bearer ${runner}`;
  return `Bearer ${known.some(random)}`;
}

function query(random: Random, body: Buffer): string {
  const token = encodeURIComponent(random.damaged(Buffer.from("eyJhIjoxfQ")).toString("latin1"));
  return random.of([
    `token=${token}&pageSize=${random.of(["0", "1", "-1", "1e9", "x", "25"])}`,
    `connect=v1&encoding=json&message=${encodeURIComponent(body.toString("latin1"))}`,
    `connect=v1&encoding=proto&base64=1&message=${body.toString("base64url")}`,
    `connect=v1&encoding=${token}&compression=${token}&message=${token}`,
    "%",
  ]);
}

function envelope(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly grpcStatus: string | undefined;
  readonly grpcMessage?: string | undefined;
  readonly body: string;
}

/** Sends over HTTP/2 and takes the answer; null when the server closed the stream instead. Rejects when it hangs. */
export function sendHttp2(
  session: http2.ClientHttp2Session,
  request: Request,
  boundMs: number,
): Promise<Answer | null> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...request.headers, ":path": request.path, ":method": request.method });
    let [status, body] = [0, ""];
    let [grpcStatus, grpcMessage]: (string | undefined)[] = [];
    const timer = setTimeout(() => {
      reject(new Error("no answer"));
      stream.close();
    }, boundMs);
    const note = (headers: http2.IncomingHttpHeaders) => {
      grpcStatus = headers["grpc-status"]?.toString() ?? grpcStatus;
      grpcMessage = headers["grpc-message"]?.toString() ?? grpcMessage;
    };
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
      body = `x-watch-cursor: ${headers["x-watch-cursor"]}\n`;
      note(headers);
    });
    stream.on("trailers", note);
    stream.on("data", (chunk: Buffer) => {
      if (body.length < 100_000) body += chunk.toString("latin1");
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      clearTimeout(timer);
      resolve(status === 0 ? null : { status, grpcStatus, grpcMessage, body });
    });
    // A GET has ended already, and would be broken off by one more write.
    if (request.method === "GET") stream.end();
    else stream.end(request.body);
  });
}
