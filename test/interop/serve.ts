import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { listening, startCommand } from "../support/command.ts";
import { type Client, folder } from "./client.ts";

export const root = join(folder, "../..");

/** Operator of every server here. */
const token = "interop-admin-token-0123456789";

/** Milliseconds that a client may take, its cold build included. */
export const deadline = 20 * 60_000;

/** What a client finds in its environment, and a reader of docs/clients.md sets. */
export function environmentAt(url: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
    ROLLCALL_URL: url,
    ROLLCALL_TOKEN: token,
    PROTO: join(root, "proto"),
  };
}

/** Starts a server for one client, and stops it once the work is done, whatever came of it. */
export async function withServer<T>(
  client: Client,
  log: (text: string) => void,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), "rollcall-interop-"));
  const server = startCommand(
    ["serve", "--port", "0", "--data-dir", dataDir, "--log-level", "warn", ...(client.serverArgs ?? [])],
    { ROLLCALL_ADMIN_TOKEN: token },
  );
  try {
    return await work(await listening(server));
  } finally {
    server.process.kill("SIGTERM");
    await server.exited;
    log(server.stderr());
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Calls the server as its operator, with JSON. */
export async function call<T>(url: string, procedure: string): Promise<T> {
  const answer = await fetch(`${url}/gitpod.v1.${procedure}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  return (await answer.json()) as T;
}
