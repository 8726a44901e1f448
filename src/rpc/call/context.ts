import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { noCertificate, type ShownCertificate } from "../../domain/tokens/client-certificate.ts";

/** Set by the gate on every call that came with a valid token. */
export const callerKey = createContextKey<Caller | null>(null, { description: "who is calling" });

/** Set by the gate: reading of the monotonic clock when the caller was let in, in milliseconds. */
export const admittedAtKey = createContextKey(0, { description: "when the caller was let in" });

/** Address of the client's end of the connection. */
export const addressKey = createContextKey("", { description: "where the call comes from" });

/** What the client showed when its connection was made. */
export const clientCertificateKey = createContextKey<ShownCertificate>(noCertificate, {
  description: "the client's certificate",
});

/** From where and with what a call was made, as far as the client and its socket say. */
export interface Client {
  readonly sourceAddress: string;
  readonly userAgent: string;
}

/** Longest user agent that is kept, in characters. */
const userAgentLength = 256;

export function clientOf({
  values,
  requestHeader,
}: Pick<HandlerContext, "values" | "requestHeader">): Client {
  const userAgent = (requestHeader.get("user-agent") ?? "").slice(0, userAgentLength);
  return { sourceAddress: values.get(addressKey), userAgent };
}

/** The caller of a method that is closed to anonymous callers. */
export function callerOf(context: Pick<HandlerContext, "values">): Caller {
  const caller = context.values.get(callerKey);
  // The gate lets no caller without a token through to such a method; this guards against a wrong method table.
  if (caller === null) throw new DomainError("unauthenticated", "this method needs an access token");
  return caller;
}

/** RFC 6750: one `Authorization: Bearer <token>` header, the scheme in any case. */
export function bearer(header: string | null): string {
  if (header === null) {
    throw new DomainError("unauthenticated", "send an access token: Authorization: Bearer <token>", {
      reason: "TOKEN_MISSING",
    });
  }
  const secret = /^bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1];
  if (secret === undefined) {
    throw new DomainError("unauthenticated", "the Authorization header is not of the form: Bearer <token>", {
      reason: "TOKEN_MALFORMED",
    });
  }
  return secret;
}

/**
 * Sends the response headers of a stream now. Connect holds them back until the first message, and a client that
 * watches a quiet server would wait for as long to learn that it is connected. Where nothing is set, as in
 * memory-only transports, the headers come with the first message.
 */
export const sendHeadersKey = createContextKey<(headers: Headers) => void>(() => {}, {
  description: "sends the response headers before the first message",
});

/** Set for a stream whose protocol keeps a silent connection alive by itself: nothing has to be sent for that. */
export const silenceFilledKey = createContextKey(false, { description: "silence is filled already" });
