import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import type { RawHeaders } from "./raw-headers.ts";

/** Larger bodies are not worth the copy. */
const joinedBytes = 16_384;

/** Writes an answer, as far as the client is still there. */
export function writeHttp1(req: IncomingMessage, res: ServerResponse, answer: Answer, raw: RawHeaders): void {
  if (res.destroyed || res.writableEnded) return;
  const headers = raw.of(answer.headers);
  if (answer.sized) headers.push("content-length", String(answer.body?.length ?? 0));
  res.writeHead(answer.status, headers);
  if (answer.body !== null && answer.body.length <= joinedBytes) {
    // As text that stands for the same bytes it leaves in one piece with the head, which costs half of what two do.
    res.end(
      Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.length).toString("latin1"),
      "latin1",
    );
  } else res.end(answer.body);
  // What the client still sends is read and dropped, or it would not look at the answer.
  if (!req.complete) res.once("finish", () => req.resume());
}
