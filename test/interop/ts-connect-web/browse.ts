// Opens the story in a real browser, as a page of two origins one after the other: `http://stranger.test`, which the
// server does not allow, and `http://console.test`, which it does (client.json). Chromium finds both on this machine.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const { ROLLCALL_URL: url = "", ROLLCALL_TOKEN: token = "" } = process.env;
/** Milliseconds that a page may take. */
const deadline = 60_000;

const html = '<!doctype html><meta charset="utf-8"><body><script type="module" src="/story.js"></script>';
const script = readFileSync("site/story.js");
let ended = () => {};
const pages = createServer(async (request, response) => {
  const said = await text(request);
  if (request.method === "POST" && request.url === "/say") process.stdout.write(`${said}\n`);
  if (request.method === "POST" && request.url === "/end") ended();
  const type = request.url === "/story.js" ? "text/javascript" : "text/html";
  response.setHeader("content-type", type).end(request.url === "/story.js" ? script : html);
});
await once(pages.listen(0, "127.0.0.1"), "listening");
const { port } = pages.address() as AddressInfo;

/** Resolves once the page has told its story. */
async function open(host: string): Promise<void> {
  const end = Promise.withResolvers<void>();
  ended = end.resolve;
  const profile = mkdtempSync(join(tmpdir(), "rollcall-chromium-"));
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    `--user-data-dir=${profile}`,
    `--host-resolver-rules=MAP ${host}:80 127.0.0.1:${port}`,
  ];
  const address = `http://${host}/?${new URLSearchParams({ url, token })}`;
  // In a process group of its own: Chromium is many processes, and Debian's begins with a shell script.
  const browser = spawn("chromium", [...flags, address], {
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  const exited = once(browser, "close");
  const late = setTimeout(
    () => end.reject(new Error(`${host} said nothing more in ${deadline} ms`)),
    deadline,
  );
  try {
    await Promise.race([
      end.promise,
      exited.then(([code]) => Promise.reject(new Error(`chromium ended: ${code}`))),
    ]);
  } finally {
    clearTimeout(late);
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid);
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const { version } = JSON.parse(readFileSync("node_modules/@connectrpc/connect-web/package.json", "utf8"));
process.stdout.write(`version @connectrpc/connect-web ${version}\n`);
try {
  await open("stranger.test");
  await open("console.test");
} finally {
  pages.closeAllConnections();
  pages.close();
}
