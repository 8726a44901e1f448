import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";

/** How long a peer gets to take the last bytes and to close its side, in milliseconds. */
export const lingerMs = 1_000;

/**
 * Answers HTTP/1.1 on a socket that no HTTP server owns (any more), says that the connection closes, and closes
 * it. What the peer still sends is read and dropped for a moment: closing with unread bytes would reset the
 * connection, and the peer would lose the answer.
 */
export function rawAnswer(socket: Socket, status: number, code: string, message: string): void {
  if (socket.destroyed) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${JSON.stringify({ code, message })}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  socket.resume();
  socket.once("end", () => socket.destroySoon());
  destroyLater(socket);
}

/** Destroys the socket when the peer has not closed it in a moment. */
export function destroyLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
}
