import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { listening, startCommand } from "../support/command.ts";
import { type Client, folder } from "./client.ts";
import { type Report, readReport } from "./report.ts";

const root = join(folder, "../..");
const token = "interop-admin-token-0123456789";

/** Milliseconds that a client may take, its cold build included. */
const deadline = 20 * 60_000;

/**
 * Lets a client tell its story to a server that it has for itself.
 * @param cache folder that is kept between runs, for what the client downloads and builds
 */
export async function tellStory(client: Client, cache: string, log: (text: string) => void): Promise<Report> {
  const dataDir = mkdtempSync(join(tmpdir(), "rollcall-interop-"));
  const server = startCommand(
    ["serve", "--port", "0", "--data-dir", dataDir, "--log-level", "warn", ...(client.serverArgs ?? [])],
    { ROLLCALL_ADMIN_TOKEN: token },
  );
  try {
    const url = await listening(server);
    const work = join(cache, client.id);
    mkdirSync(work, { recursive: true });
    const story = spawn("bash", ["-euo", "pipefail", join(folder, client.id, "run.sh")], {
      cwd: work,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: deadline,
      env: {
        ...process.env,
        PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
        ROLLCALL_URL: url,
        ROLLCALL_TOKEN: token,
        ROLLCALL_ORGANIZATION: await organizationAt(url),
        PROTO: join(root, "proto"),
        HERE: join(folder, client.id),
        ROOT: root,
        WORK: work,
      },
    });
    let output = "";
    story.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
      log(chunk.toString());
    });
    story.stderr.on("data", (chunk: Buffer) => log(chunk.toString()));
    const [code] = (await once(story, "close")) as [number | null];
    return readReport(client, output, code);
  } finally {
    server.process.kill("SIGTERM");
    await server.exited;
    log(server.stderr());
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function organizationAt(url: string): Promise<string> {
  const answer = await fetch(`${url}/gitpod.v1.IdentityService/GetAuthenticatedIdentity`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  return ((await answer.json()) as { organizationId: string }).organizationId;
}
