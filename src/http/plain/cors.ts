import { cors as connectCors } from "@connectrpc/connect";
import { shortened } from "../../lib/shortened.ts";
import type { NodeServerRequest, NodeServerResponse } from "../node-http.ts";
import { answerJson } from "../refuse.ts";

export interface CorsOptions {
  /** Origins such as `https://console.example.com` whose pages may call; `*` stands for every origin. Default none. */
  readonly origins: readonly string[];
}

/** Besides what the protocols need: names that clients of this API send. `x-…` is allowed as a whole. */
const requestHeaders = new Set(
  [
    ...connectCors.allowedHeaders,
    "authorization",
    "idempotency-key",
    "accept",
    "traceparent",
    "tracestate",
  ].map((name) => name.toLowerCase()),
);
const exposedHeaders = [
  ...connectCors.exposedHeaders,
  "retry-after",
  "ratelimit-retryafter",
  "x-should-retry",
  "x-request-id",
  "x-watch-cursor",
].join(", ");
/** Seconds that a browser may reuse a preflight answer; Chromium caps it at two hours. */
const maxAgeSeconds = 7200;

/**
 * Adds the CORS headers of an answer and answers preflights itself: true means that the request is done. Tokens
 * travel in a header and never in a cookie, so credentials are not allowed and `*` is no risk of its own.
 */
export function corsPolicy(
  options: CorsOptions,
): (req: NodeServerRequest, res: NodeServerResponse) => boolean {
  const origins = new Set(options.origins);
  const any = origins.has("*");
  return (req, res) => {
    const origin = req.headers.origin;
    const preflight =
      req.method === "OPTIONS" &&
      origin !== undefined &&
      req.headers["access-control-request-method"] !== undefined;
    if (origins.size > 0 && !any)
      res.setHeader("Vary", preflight ? "Origin, Access-Control-Request-Headers" : "Origin");
    const allowed = origin !== undefined && (any || origins.has(origin));
    if (allowed) {
      res.setHeader("Access-Control-Allow-Origin", any ? "*" : origin);
      res.setHeader("Access-Control-Expose-Headers", exposedHeaders);
    }
    if (!preflight) return false;
    if (!allowed) {
      answerJson(req, res, 403, {
        code: "permission_denied",
        message: `origin ${shortened(origin)} is not allowed to call`,
      });
      return true;
    }
    const wanted = String(req.headers["access-control-request-headers"] ?? "")
      .toLowerCase()
      .split(",")
      .map((name) => name.trim())
      .filter((name) => requestHeaders.has(name) || /^x-[a-z0-9-]+$/.test(name));
    res.writeHead(204, {
      "access-control-allow-methods": connectCors.allowedMethods.join(", "),
      "access-control-allow-headers": wanted.join(", "),
      "access-control-max-age": String(maxAgeSeconds),
    });
    res.end();
    return true;
  };
}

/** The headers of answers to requests that come from no page. */
export function corsAnswerHeaders({ origins }: CorsOptions): Record<string, string> {
  return origins.length > 0 && !origins.includes("*") ? { vary: "Origin" } : {};
}
