/**
 * Of every answer but those of gRPC and gRPC-Web, which no browser shows or keeps: answers hold tokens and the state of
 * the moment, so nobody may keep them, nor take their bytes for another type than they say.
 */
export const securityHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** Beside those, for what a browser can open by its address: it runs nothing, loads nothing and fits into no frame. */
export const pageHeaders = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const;
