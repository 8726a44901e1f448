import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type Client, folder } from "./client.ts";
import { call, deadline, environmentAt, withServer } from "./serve.ts";

/** The page with one whole program for each language. */
export const programsPage = join(folder, "../../docs/clients.md");

/** What a reader of the page saves and pastes for one client. */
export interface Program {
  readonly language: string;
  readonly name: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** As they stand on the page, each ended by a line feed. */
  readonly commands: string;
}

/** The programs of the page: a heading of the third level, files below their names, and the commands in a block of `sh`. */
export function programs(text: string = readFileSync(programsPage, "utf8")): Program[] {
  const sections = text.split(/^(?=#{2,3} )/m).filter((section) => section.startsWith("### "));
  return sections.map((section) => {
    const [, language = "", name = ""] = /^### (.+?): (.+)$/m.exec(section) ?? [];
    const files = section.matchAll(/^`([^`]+)`:\n\n```\w+\n(.*?)^```$/gms);
    return {
      language,
      name,
      files: [...files].map(([, path = "", body = ""]) => ({ path, text: body })),
      commands: /^```sh\n(.*?)^```$/ms.exec(section)?.[1] ?? "",
    };
  });
}

/** The program of a client, if the page has one. */
export function programOf({ language, name }: Client): Program | undefined {
  return programs().find((program) => program.language === language && program.name === name);
}

/**
 * Does what the page says, in an empty folder against a server of its own. The last line printed must be the id of the
 * one runner that is there afterwards, and its exchange token.
 * @returns what went wrong, or null
 */
export async function runProgram(
  client: Client,
  program: Program,
  log: (text: string) => void,
): Promise<string | null> {
  const empty = mkdtempSync(join(tmpdir(), "rollcall-program-"));
  try {
    return await withServer(client, log, async (url) => {
      for (const { path, text } of program.files) {
        mkdirSync(dirname(join(empty, path)), { recursive: true });
        writeFileSync(join(empty, path), text);
      }
      const shell = spawn("bash", ["-euo", "pipefail", "-c", program.commands], {
        cwd: empty,
        stdio: ["ignore", "pipe", "pipe"],
        timeout: deadline,
        env: environmentAt(url),
      });
      let output = "";
      shell.stdout.on("data", (chunk: Buffer) => {
        output += chunk;
        log(chunk.toString());
      });
      shell.stderr.on("data", (chunk: Buffer) => log(chunk.toString()));
      const [code] = (await once(shell, "close")) as [number | null];
      if (code !== 0) return `the lines of docs/clients.md ended with ${code}`;
      type Listed = { runners?: { runnerId: string; name: string }[] };
      const { runners = [] } = await call<Listed>(url, "RunnerService/ListRunners");
      const printed = stripVTControlCharacters(output).trimEnd().split("\n").at(-1) ?? "";
      const [id = "", exchangeToken = ""] = printed.split(" ");
      const registered = runners.map((runner) => `${runner.runnerId} ${runner.name}`).join(", ");
      if (registered === `${id} build-1` && /^rcexc_\w+$/.test(exchangeToken)) return null;
      return `the lines of docs/clients.md printed "${printed}"; the server has "${registered}"`;
    });
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
}
