import type http2 from "node:http2";
import { adminToken } from "../../support/server.ts";
import { watchPath } from "./fixture.ts";

/** Length of the head of an envelope: one byte of flags and four of length. */
const headLength = 5;
/** The flag of the last envelope of a Connect stream, which holds the error and the trailers. */
const endFlag = 2;

/** How a Connect stream ended. */
export interface End {
  readonly error?: { readonly code: string; readonly details: readonly { readonly debug?: unknown }[] };
  readonly metadata?: Record<string, string[]>;
}

/** A watch over Connect's JSON on a bare HTTP/2 stream, which reads only when it is told to. */
export interface RawWatch {
  readonly headers: http2.IncomingHttpHeaders;
  /** Reads all that comes until so many events are there, or until the end. */
  read(events?: number): Promise<{ ids: string[]; end: End | null }>;
}

/** Opens a watch and reads nothing of it but the response headers. */
export async function rawWatch(
  session: http2.ClientHttp2Session,
  options: { token?: string; headers?: Record<string, string> } = {},
): Promise<RawWatch> {
  const { token = adminToken, headers = {} } = options;
  const stream = session.request({
    ":method": "POST",
    ":path": watchPath,
    "content-type": "application/connect+json",
    authorization: `Bearer ${token}`,
    ...headers,
  });
  stream.end(Buffer.from("\0\0\0\0\x02{}", "latin1"));
  stream.pause();
  const answer = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
  return {
    headers: answer,
    async read(events = Number.POSITIVE_INFINITY) {
      const ids: string[] = [];
      let rest = Buffer.alloc(0);
      for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
        rest = Buffer.concat([rest, chunk as Buffer]);
        for (;;) {
          const length = rest.length < headLength ? Number.POSITIVE_INFINITY : rest.readUInt32BE(1);
          if (rest.length < headLength + length) break;
          const message = JSON.parse(rest.subarray(headLength, headLength + length).toString());
          if (rest[0] === endFlag) return { ids, end: message };
          ids.push(message.resourceId);
          rest = rest.subarray(headLength + length);
        }
        if (ids.length >= events) break;
      }
      return { ids, end: null };
    },
  };
}
