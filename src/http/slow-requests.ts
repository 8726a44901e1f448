import type { ServerResponse } from "node:http";
import { Overdue } from "./overdue.ts";
import { rawAnswer } from "./raw-answer.ts";

/**
 * Cuts off requests of HTTP/1.1 whose body has not arrived after `timeoutMs`, with 408 where nothing was answered yet:
 * one that trickles in for ever would hold its connection. Known by their responses.
 */
export function slowRequests(timeoutMs: number): Overdue<ServerResponse> {
  const slow: Overdue<ServerResponse> = new Overdue(timeoutMs, (res) => {
    const { complete, socket } = res.req;
    slow.ended(res);
    if (complete || socket.destroyed) return;
    if (res.headersSent) socket.destroy();
    else rawAnswer(socket, 408, "deadline_exceeded", "the request body took too long");
  });
  return slow;
}
