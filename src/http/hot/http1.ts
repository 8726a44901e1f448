import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer, AnswerHeaders } from "./answer.ts";

/** Writes an answer, as far as the client is still there. */
export function writeHttp1(
  req: IncomingMessage,
  res: ServerResponse,
  answer: Answer,
  always: AnswerHeaders,
): void {
  if (res.destroyed || res.writableEnded) return;
  res.writeHead(answer.status, { ...always, ...answer.headers });
  res.end(answer.body);
  // What the client still sends is read and dropped, or it would not look at the answer.
  if (!req.complete) res.once("finish", () => req.resume());
}
