import { DomainError } from "../../domain/errors.ts";
import { shortened } from "../../lib/shortened.ts";
import type { NodeServerRequest, NodeServerResponse, Origin, RequestHandler } from "../node-http.ts";
import { answerJson, pageHeaders, setSecurityHeaders } from "../refuse.ts";

/** What a plain endpoint answers. */
export interface PlainAnswer {
  readonly status: number;
  /** Lower-case names. `content-type` belongs here. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/**
 * An endpoint beside the procedures: `/healthz`, `/metrics`, `/.well-known/…`. Called for GET and HEAD only.
 * @throws DomainError `resource_exhausted`, or rejects with it, when it is called too often
 */
export type PlainEndpoint = (req: NodeServerRequest, origin: Origin) => PlainAnswer | Promise<PlainAnswer>;

/** Serves a request whose path is that of an endpoint. @returns false for any other, which is left as it came */
export function servePlainAt(
  endpoints: ReadonlyMap<string, PlainEndpoint>,
  req: NodeServerRequest,
  res: NodeServerResponse,
  origin: Origin,
  onError: (error: unknown, path: string) => void,
): boolean {
  const path = pathOf(req);
  const endpoint = endpoints.get(path);
  if (endpoint === undefined) return false;
  void servePlain(endpoint, req, res, origin, (error) => onError(error, path));
  return true;
}

/** The path of a request, without its query. */
export function pathOf(req: NodeServerRequest): string {
  return (req.url ?? "").split("?", 1)[0] ?? "";
}

/** Serves plain endpoints and nothing else. */
export function plainHandler(
  endpoints: Readonly<Record<string, PlainEndpoint>>,
  onError: (error: unknown, path: string) => void,
): RequestHandler {
  const byPath = new Map(Object.entries(endpoints));
  return (req, res, origin) => {
    setSecurityHeaders(res);
    req.resume();
    if (!servePlainAt(byPath, req, res, origin, onError)) refusePath(req, res);
  };
}

/** Answers that there is nothing at this path. */
export function refusePath(req: NodeServerRequest, res: NodeServerResponse): void {
  answerJson(req, res, 404, { code: "not_found", message: `nothing is served at ${shortened(pathOf(req))}` });
}

/** Serves one plain endpoint: 405 for anything but GET and HEAD, 429 when it is called too often, 500 without details when it throws. */
async function servePlain(
  endpoint: PlainEndpoint,
  req: NodeServerRequest,
  res: NodeServerResponse,
  origin: Origin,
  onError: (error: unknown) => void,
): Promise<void> {
  if (req.method !== "GET" && req.method !== "HEAD") {
    res.setHeader("Allow", "GET, HEAD");
    answerJson(req, res, 405, {
      code: "unimplemented",
      message: `${req.method} is not allowed here: use GET`,
    });
    return;
  }
  let answer: PlainAnswer;
  try {
    answer = await endpoint(req, origin);
  } catch (error) {
    if (error instanceof DomainError && error.kind === "resource_exhausted") {
      res.setHeader("Retry-After", String(Math.ceil((error.retryAfterMs ?? 0) / 1000)));
      answerJson(req, res, 429, { code: error.kind, message: error.message });
      return;
    }
    onError(error);
    answerJson(req, res, 500, { code: "internal", message: "internal error" });
    return;
  }
  const bytes = Buffer.from(answer.body);
  res.writeHead(answer.status, { ...pageHeaders, ...answer.headers, "content-length": bytes.byteLength });
  if (req.method === "HEAD") res.end();
  else res.end(bytes);
}

/** A JSON answer. */
export function jsonAnswer(status: number, body: unknown): PlainAnswer {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: `${JSON.stringify(body)}\n`,
  };
}

/** Whether the server can do its work, and why it cannot. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** `/healthz` is 200 as long as the process answers at all; `/readyz` is 503 with the reason until it is ready. */
export function healthEndpoints(
  readiness: () => Readiness | Promise<Readiness>,
): Record<string, PlainEndpoint> {
  return {
    "/healthz": () => jsonAnswer(200, { status: "ok" }),
    "/readyz": async () => {
      const state = await readiness();
      return state.ready
        ? jsonAnswer(200, { status: "ready" })
        : jsonAnswer(503, { status: "unready", reason: state.reason });
    },
  };
}
