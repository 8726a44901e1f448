import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Attribution } from "../domain/access/attribution.ts";
import { Principal } from "../domain/access/principal.ts";
import { DomainError, invalidField } from "../domain/errors.ts";
import { personalTokenExpiry } from "../domain/users/personal-token.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Store } from "../store/store.ts";

// One process writes to a database. A command that changes it asks the server that runs on it, through a socket in the data
// folder: HTTP/1.1, POST /OPERATION with a JSON object, answered by one. Who may open the socket may do everything, as who may
// write to the database could: its mode is 0600, as the database's is.

/** What a command can have done, by the server or, where none runs, by itself. Times in milliseconds. */
export interface ControlOperations {
  /** A token for the first organisation's admin. @param input hash: SHA-256 of the secret, in hexadecimal */
  createToken(input: {
    readonly hash: string;
    readonly description: string;
    readonly readOnly: boolean;
    readonly livesMs: number;
  }): Promise<{ readonly id: string }>;
  /** Ends a token of the first organisation: from then on every call with it is refused. False: there is no such live one. */
  revokeToken(input: { readonly id: string }): Promise<{ readonly revoked: boolean }>;
}

const operationNames = ["createToken", "revokeToken"] as const satisfies (keyof ControlOperations)[];

/** A request's body at most, in bytes. */
const mostBytes = 16 * 1024;

/** Texts of a request at most, in characters. */
const mostCharacters = 1024;

/** What a request may take to arrive, in milliseconds. */
const arrivalMs = 5000;

/** How long closing waits for the commands that are under way, in milliseconds. */
const closingMs = 1000;

/** The longest path of a socket, in bytes, on every system that has them: macOS has 104 with an end mark. */
const longestPath = 103;

/** Where the commands of a data folder find its server. */
export function controlSocketOf(dataDir: string): string {
  return join(dataDir, "control.sock");
}

/** Whether a data folder's path leaves room for a socket's. */
export function hasRoomForSocket(dataDir: string): boolean {
  return Buffer.byteLength(controlSocketOf(dataDir)) <= longestPath;
}

export function controlOperations(store: Store, clock: Clock, newId: IdSource): ControlOperations {
  return {
    async createToken({ hash, description, readOnly, livesMs }) {
      const by = await onThisMachine(store);
      const { organizationId, actor } = by;
      const [id, createdAt] = [newId(), clock.now()];
      await store.tokens.addAccessToken({
        id,
        organizationId,
        hash: Buffer.from(hash, "hex"),
        subjectId: actor.id,
        principal: Principal.USER,
        description,
        readOnly,
        by,
        createdAt,
        expiresAt: personalTokenExpiry(livesMs, createdAt),
      });
      return { id };
    },
    async revokeToken({ id }) {
      const by = await onThisMachine(store);
      return { revoked: await store.tokens.revokeAccessToken(by, id, clock.now()) };
    },
  };
}

/**
 * Answers commands until `close` is called.
 * @returns null, with a warning in the log, when the folder has no socket: its path is too long, or its file system has none
 */
export async function listenForCommands(
  dataDir: string,
  operations: ControlOperations,
  log: Logger,
): Promise<{ close(): Promise<void> } | null> {
  const path = controlSocketOf(dataDir);
  if (!hasRoomForSocket(dataDir)) {
    log.warn(
      { path },
      "the path is too long for a socket: rollcall token cannot change anything beside this server",
    );
    return null;
  }
  const limits = { maxHeaderSize: 4096, requestTimeout: arrivalMs, connectionsCheckingInterval: arrivalMs };
  const server = createServer(limits, (request, response) => {
    void answer(request, response, operations, log);
  });
  server.maxConnections = 16;
  try {
    await bind(server, path);
  } catch (error) {
    log.warn(
      { err: error, path },
      "no socket can be made here: rollcall token cannot change anything beside this server",
    );
    return null;
  }
  return { close: () => close(server) };
}

async function bind(server: Server, path: string): Promise<void> {
  // Left by a server that was killed: the lock on the database says that none runs.
  rmSync(path, { force: true });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  // Bound in this very call, so that the socket never had another mode.
  const umask = process.umask(0o177);
  try {
    server.listen(path, listening.resolve);
  } finally {
    process.umask(umask);
  }
  await listening.promise;
}

/** Waits a moment for what is under way. A client that does not send the rest of its request holds nothing up. */
async function close(server: Server): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  server.closeIdleConnections();
  const impatience = setTimeout(() => server.closeAllConnections(), closingMs);
  await closed.promise;
  clearTimeout(impatience);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  operations: ControlOperations,
  log: Logger,
): Promise<void> {
  const [status, body] = await carryOut(request, operations).then(
    (result): [number, object] => [200, result],
    (error: unknown): [number, object] => {
      if (request.errored !== null) return [400, { kind: "invalid", message: "the request did not arrive" }];
      if (error instanceof DomainError) return [400, { kind: error.kind, message: error.message }];
      log.error({ err: error }, "a command failed");
      return [500, { kind: null, message: "the server could not do it; its log says why" }];
    },
  );
  // The client may be gone, or was cut off by the end of the server.
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify(body));
}

async function carryOut(request: IncomingMessage, operations: ControlOperations): Promise<object> {
  const name = operationNames.find((one) => request.method === "POST" && request.url === `/${one}`);
  if (name === undefined) throw new DomainError("not_found", "there is no such operation");
  const input = await bodyOf(request);
  return name === "createToken"
    ? operations.createToken({
        hash: text(input, "hash", /^[0-9a-f]{64}$/),
        description: text(input, "description", /^/),
        readOnly: yesOrNo(input, "readOnly"),
        livesMs: milliseconds(input, "livesMs"),
      })
    : operations.revokeToken({ id: text(input, "id", /^/) });
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += piece.length;
    // Read to its end, which the time for its arrival bounds: to stop would close the connection before the answer.
    if (bytes <= mostBytes) pieces.push(piece);
  }
  if (bytes > mostBytes) throw new DomainError("invalid", `a request has at most ${mostBytes} bytes`);
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString());
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {}
  throw new DomainError("invalid", "a request is one JSON object");
}

function text(input: Readonly<Record<string, unknown>>, field: string, pattern: RegExp): string {
  const value = input[field];
  if (typeof value === "string" && value.length <= mostCharacters && pattern.test(value)) return value;
  throw invalidField(field, "control.text", `must be a text of at most ${mostCharacters} characters`);
}

function yesOrNo(input: Readonly<Record<string, unknown>>, field: string): boolean {
  const value = input[field];
  if (typeof value === "boolean") return value;
  throw invalidField(field, "control.boolean", "must be true or false");
}

function milliseconds(input: Readonly<Record<string, unknown>>, field: string): number {
  const value = input[field];
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw invalidField(field, "control.milliseconds", "must be a whole number above 0");
}

/** Who can write to the database acts as its admin; the audit log says how. */
async function onThisMachine(store: Store): Promise<Attribution> {
  const first = await store.founding.first();
  if (first === null) {
    throw new DomainError("not_found", "the server has not been started on this folder yet");
  }
  const actor = { id: first.admin.id, principal: Principal.USER };
  const { organizationId } = first.admin;
  return { actor, organizationId, sourceAddress: "", userAgent: "rollcall token" };
}
