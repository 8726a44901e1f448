import type { NodeServerResponse } from "./node-http.ts";

/**
 * Of every answer but those of gRPC and gRPC-Web, which no browser shows or keeps: answers hold tokens and the state of
 * the moment, so nobody may keep them, nor take their bytes for another type than they say. Two that Node gives before it
 * asks us, to HTTP/1.1 without a Host and to an Expect that it does not know, go without: they are empty.
 */
export const securityHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** Beside those, for what a browser can open by its address: it runs nothing, loads nothing and fits into no frame. */
export const pageHeaders = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Has an answer that is still to be made carry {@link securityHeaders}, unless it says otherwise itself. */
export function setSecurityHeaders(res: NodeServerResponse): void {
  for (const [name, value] of Object.entries(securityHeaders)) res.setHeader(name, value);
}
