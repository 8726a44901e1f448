import { once } from "node:events";
import tls from "node:tls";

/** Who a TLS server says that it is, and whether the session of an earlier handshake was taken up. */
export interface Peer {
  readonly name: string;
  readonly resumed: boolean;
  /** Gets in without a full handshake, as long as the server knows it. */
  readonly session: Buffer | undefined;
  /** Its answer over HTTP/1.1. */
  readonly answer: string;
}

const health = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** One handshake of a client that looks at the certificate, sends one request, and leaves. */
export async function peerOf(
  url: string,
  options: tls.ConnectionOptions = {},
  request: string = health,
): Promise<Peer> {
  const { hostname: host, port } = new URL(url);
  const socket = tls.connect({ host, port: Number(port), rejectUnauthorized: false, ...options });
  let session: Buffer | undefined;
  socket.on("session", (ticket: Buffer) => {
    session = ticket;
  });
  await once(socket, "secureConnect");
  // A resumed session is of the one that was met before: the certificate does not come again.
  const name = String(socket.getPeerCertificate().subject?.CN ?? "");
  const resumed = socket.isSessionReused();
  // TLS 1.3 sends tickets after the handshake, ahead of the first answer.
  socket.write(request);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return { name, resumed, session, answer };
}
