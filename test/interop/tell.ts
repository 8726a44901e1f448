import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Client, folder } from "./client.ts";
import { type Report, readReport } from "./report.ts";
import { call, deadline, environmentAt, root, withServer } from "./serve.ts";

/**
 * Lets a client tell its story to a server that it has for itself.
 * @param cache folder that is kept between runs, for what the client downloads and builds
 */
export function tellStory(client: Client, cache: string, log: (text: string) => void): Promise<Report> {
  return withServer(client, log, async (url) => {
    const work = join(cache, client.id);
    mkdirSync(work, { recursive: true });
    const identity = await call<{ organizationId: string }>(url, "IdentityService/GetAuthenticatedIdentity");
    const story = spawn("bash", ["-euo", "pipefail", join(folder, client.id, "run.sh")], {
      cwd: work,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: deadline,
      env: {
        ...environmentAt(url),
        ROLLCALL_ORGANIZATION: identity.organizationId,
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
  });
}
