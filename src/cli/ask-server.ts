import { request } from "node:http";
import { json } from "node:stream/consumers";
import { DomainError, type DomainErrorKind } from "../domain/errors.ts";
import { systemClock } from "../lib/clock.ts";
import { uuidv7Source } from "../lib/ids.ts";
import {
  type ControlOperations,
  controlOperations,
  controlSocketOf,
  hasRoomForSocket,
} from "../start/control.ts";
import { databaseFile } from "../start/data-dir.ts";
import { openStore, storeFiles } from "../start/open-store.ts";
import { StoreRefusedError } from "../store/store.ts";

/** Long enough for a disk that is slow, in milliseconds. */
const patienceMs = 30_000;

/**
 * Has something done to the database of a data folder: by the server that runs on it, else by this process, which holds the
 * database meanwhile.
 * @throws DomainError for what was refused, StoreRefusedError when neither can be
 */
export async function change<T>(
  dataDir: string,
  work: (operations: ControlOperations) => Promise<T>,
): Promise<T> {
  try {
    return await work(ofServer(controlSocketOf(dataDir)));
  } catch (error) {
    if (!(error instanceof NoServerError)) throw error;
  }
  const file = databaseFile(dataDir);
  if (storeFiles.inUse(file)) {
    throw new StoreRefusedError(
      hasRoomForSocket(dataDir)
        ? `a server uses ${file}, and does not answer on ${controlSocketOf(dataDir)}; try again, or stop it first`
        : `a server uses ${file}, and its folder's path is too long for a socket (103 bytes); stop it first`,
    );
  }
  const store = openStore(file, "tool");
  try {
    return await work(controlOperations(store, systemClock, uuidv7Source(systemClock)));
  } finally {
    await store.close();
  }
}

/** Nothing listens there. */
class NoServerError extends Error {
  override readonly name = "NoServerError";
}

function ofServer(socketPath: string): ControlOperations {
  return {
    createToken: (input) =>
      ask(socketPath, "createToken", input) as ReturnType<ControlOperations["createToken"]>,
    revokeToken: (input) =>
      ask(socketPath, "revokeToken", input) as ReturnType<ControlOperations["revokeToken"]>,
  };
}

async function ask(socketPath: string, operation: keyof ControlOperations, input: object): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, unknown]>();
  const headers = { "content-type": "application/json" };
  const call = request({ socketPath, path: `/${operation}`, method: "POST", headers, timeout: patienceMs });
  call.on("response", (response) => {
    json(response).then((body) => resolve([response.statusCode, body]), reject);
  });
  call.on("timeout", () => call.destroy(new DomainError("unavailable", "the server does not answer now")));
  call.on("error", (error: NodeJS.ErrnoException) => {
    const nothing = ["ENOENT", "ECONNREFUSED", "ENAMETOOLONG", "EINVAL", "ENOTSOCK"].includes(
      error.code ?? "",
    );
    reject(nothing ? new NoServerError(error.message) : error);
  });
  call.end(JSON.stringify(input));
  const [status, body] = await promise;
  if (status === 200) return body;
  const { kind, message } = body as { kind: DomainErrorKind | null; message: string };
  throw kind === null ? new StoreRefusedError(message) : new DomainError(kind, message);
}
