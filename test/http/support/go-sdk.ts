import { gunzipSync } from "node:zlib";
import { RawClient } from "./raw.ts";

// How `github.com/gitpod-io/gitpod-sdk-go` 0.x asks and reads, which the tests cannot install. Facts from its public
// sources: internal/requestconfig, internal/apiquery, packages/pagination and packages/jsonl, and from Go's net/http,
// which writes what it hands over.

/** One answer, as far as the SDK looks at it. */
export interface GoAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  /** What net/http gives it: dechunked, and unpacked when it is gzip. */
  readonly body: string;
}

/** A request, byte by byte. The base URL ends in `/api/`; the SDK sets no timeout and no Idempotency-Key. */
export function goRequest(
  url: string,
  token: string,
  path: string,
  body: string,
  accept = "application/json",
): string {
  const { host } = new URL(url);
  return [
    `POST /api/${path} HTTP/1.1`,
    `Host: ${host}`,
    "User-Agent: Gitpod/Go 0.11.0",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Accept: ${accept}`,
    `Authorization: Bearer ${token}`,
    "Content-Type: application/json",
    "X-Stainless-Arch: x64",
    "X-Stainless-Lang: go",
    "X-Stainless-Os: Linux",
    "X-Stainless-Package-Version: 0.11.0",
    "X-Stainless-Retry-Count: 0",
    "X-Stainless-Runtime: go",
    "X-Stainless-Runtime-Version: go1.26.8",
    // net/http adds this one, last, and unpacks the answer itself.
    "Accept-Encoding: gzip",
    "",
    body,
  ].join("\r\n");
}

/** Sends one request on a connection of its own and reads its answer to the end. */
export async function goCall(
  url: string,
  token: string,
  path: string,
  body: string,
  accept?: string,
): Promise<GoAnswer> {
  await using client = await RawClient.connect(Number(new URL(url).port));
  client.send(goRequest(url, token, path, body, accept));
  const head = readHead(await client.until("\r\n\r\n"));
  const chunked = head.headers.get("transfer-encoding") === "chunked";
  const length = Number(head.headers.get("content-length") ?? 0);
  const end = chunked ? "\r\n0\r\n\r\n" : undefined;
  let received = await client.until(end ?? "\r\n\r\n");
  while (end === undefined && received.length < head.bodyAt + length) received = await client.more();
  const sent = received.slice(head.bodyAt);
  const bytes = Buffer.from(chunked ? dechunk(sent) : sent.slice(0, length), "latin1");
  const packed = head.headers.get("content-encoding") === "gzip";
  return { ...head, body: (packed ? gunzipSync(bytes) : bytes).toString() };
}

/** Status line and headers of an answer, and where its body begins. */
export function readHead(received: string) {
  const bodyAt = received.indexOf("\r\n\r\n") + 4;
  const [statusLine = "", ...lines] = received.slice(0, bodyAt - 4).split("\r\n");
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(" ")[1]), headers, bodyAt };
}

/** The chunks of a body that were received whole. */
export function dechunk(sent: string): string {
  let data = "";
  for (let at = 0; ; ) {
    const end = sent.indexOf("\r\n", at);
    const size = end < 0 ? 0 : Number.parseInt(sent.slice(at, end), 16);
    if (!(size > 0) || sent.length < end + 2 + size) return data;
    data += sent.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}

/** The answer to a call that went well: the SDK takes nothing but a type of JSON, and no empty body. */
export function goDecode({ status, headers, body }: GoAnswer): Record<string, unknown> {
  const type = (headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
  if (status >= 400) throw new Error(`status ${status}: ${body}`);
  if (!type.includes("application/json") && !type.endsWith("+json")) throw new Error(`type ${type}`);
  return JSON.parse(body);
}

/** Its typed error, with code and message. A body that is no JSON object gives an error without either. */
export function goError({ status, body }: GoAnswer): { status: number; code: string; message: string } {
  if (status < 400) throw new Error(`no error: ${status}`);
  const { code, message, ...rest } = JSON.parse(body);
  if (typeof code !== "string" || typeof message !== "string")
    throw new Error(`untyped: ${JSON.stringify(rest)}`);
  return { status, code, message };
}

/** Milliseconds after which it sends the call again; undefined when it does not. Its own waiting is counted as 0. */
export function goRetry({ status, headers }: GoAnswer): number | undefined {
  const wanted = headers.get("x-should-retry");
  const again = [408, 409, 429].includes(status) || status >= 500;
  if (wanted === "false" || (wanted !== "true" && !again)) return undefined;
  const asked = Number(headers.get("retry-after-ms") ?? Number(headers.get("retry-after") ?? 0) * 1000);
  // It does as it is asked below a minute alone.
  return asked >= 0 && asked < 60_000 ? asked : 0;
}

/** Its stream: bufio.Scanner's lines, each read by encoding/json. The last may lack its line feed, none may be blank. */
export function goLines(body: string): unknown[] {
  const lines = body.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => {
    if (line.length > 64 * 1024) throw new Error("bufio.Scanner: token too long");
    return JSON.parse(line);
  });
}
