import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

/**
 * The answer with its `grpc-message` encoded as gRPC says: only what is not printable ASCII, and `%` itself. Connect
 * encodes every reserved character too, which clients that decode no more than they must (grpc-js among them) show
 * to people as `name%3A must be …`.
 * Source: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md, Percent-Byte.
 */
export function withPlainGrpcMessage(answer: UniversalServerResponse): UniversalServerResponse {
  const { trailer } = answer;
  if (trailer === undefined) return answer;
  return {
    ...answer,
    // The trailer is filled while the body is sent, so it is read when it is asked for.
    get trailer() {
      const encoded = trailer.get("grpc-message");
      if (encoded !== null) trailer.set("grpc-message", encodeGrpcMessage(decodeURIComponent(encoded)));
      return trailer;
    },
  };
}

/** Longest encoded message: clients take no more than 8 KiB of trailers, and it is not alone there. */
const longestEncoded = 4096;
const cutHere = "%E2%80%A6";

/** Percent-encodes the UTF-8 bytes outside of 0x20 to 0x7E, and `%`; an ellipsis stands for what is too long. */
export function encodeGrpcMessage(message: string): string {
  let encoded = "";
  for (const character of message) {
    const more = /^[ -$&-~]$/.test(character) ? character : percentEncoded(character);
    if (encoded.length + more.length > longestEncoded - cutHere.length) return encoded + cutHere;
    encoded += more;
  }
  return encoded;
}

function percentEncoded(character: string): string {
  let encoded = "";
  for (const byte of Buffer.from(character))
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}
