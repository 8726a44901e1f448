import { Code, ConnectError } from "@connectrpc/connect";
import { shortened } from "../lib/shortened.ts";
import { type HotPath, hotPath } from "./hot/hot-path.ts";
import type { RequestHandler } from "./node-http.ts";
import { type CorsOptions, corsAnswerHeaders, corsPolicy } from "./plain/cors.ts";
import { type PlainEndpoint, pathOf, refusePath, servePlainAt } from "./plain/plain.ts";
import { type ProceduresOptions, procedures } from "./procedures.ts";
import { refuseCall, setSecurityHeaders, speaksGrpc } from "./refuse.ts";
import { normalizeHeaders } from "./request-forms.ts";

export interface HandlerOptions extends ProceduresOptions {
  /** What clients may put before `/package.Service/Method`. Default: nothing and `/api`. */
  readonly prefixes?: readonly string[];
  readonly cors?: CorsOptions;
  /** Plain endpoints by exact path. They are not reachable under a prefix. */
  readonly plain?: Readonly<Record<string, PlainEndpoint>>;
  /** Serves plain unary calls past Connect. Default true; docs/decisions/hot-path.md. */
  readonly hotPath?: boolean;
  /** Told of every call of a procedure that is not registered. */
  readonly onUnknownProcedure?: () => void;
}

/** Serves the requests of one port. */
export interface Handler {
  /** Serves every request. */
  readonly handler: RequestHandler;
  /** Takes the calls that it can before `handler` sees them. */
  readonly hot?: HotPath;
}

/** `/package.Service/Method`, the package included: without its dot `/assets/app` would look like a procedure. */
const procedureRegExp = /^\/[A-Za-z_]\w*(\.[A-Za-z_]\w*)+\/[A-Za-z_]\w*$/;

/**
 * Everything above a connection and below a handler: CORS, plain endpoints, path prefixes, procedures. A
 * procedure that is not registered is `unimplemented` in the protocol that asked (Connect: with status 404, as
 * its specification wants of unknown paths), other paths are 404.
 */
export function createHandler(options: HandlerOptions): Handler {
  const {
    prefixes = ["", "/api"],
    cors = { origins: [] },
    plain = {},
    hotPath: isHot = true,
    onUnknownProcedure = () => {},
    ...rest
  } = options;
  const { procedures: registered, hotMethods } = procedures(rest);
  const endpoints = new Map(Object.entries(plain));
  const answeredByCors = corsPolicy(cors);
  const longestFirst = [...prefixes].sort((a, b) => b.length - a.length);

  const handler: RequestHandler = (req, res, origin) => {
    normalizeHeaders(req);
    if (!speaksGrpc(req)) setSecurityHeaders(res);
    const path = pathOf(req);
    const prefix = longestFirst.find((candidate) => path.startsWith(`${candidate}/`));
    const procedure = prefix === undefined ? undefined : path.slice(prefix.length);
    const serve = procedure === undefined ? undefined : registered.get(procedure);
    const isDone = answeredByCors(req, res) || servePlainAt(endpoints, req, res, origin, options.onError);
    if (!isDone && serve !== undefined) {
      serve(req, res, origin);
      return;
    }
    // Nothing else reads a body, and none must be left waiting.
    req.resume();
    if (isDone) return;
    if (procedure !== undefined && (speaksGrpc(req) || procedureRegExp.test(procedure))) {
      onUnknownProcedure();
      const error = new ConnectError(`unknown procedure ${shortened(procedure)}`, Code.Unimplemented);
      refuseCall(req, res, error, 404);
    } else {
      refusePath(req, res);
    }
  };
  if (!isHot) return { handler };
  const hot = hotPath({
    methods: hotMethods,
    prefixes,
    contextValues: options.contextValues,
    onOver: options.onOver,
    requestGate: options.requestGate,
    jsonOptions: options.jsonOptions,
    shutdownSignal: options.shutdownSignal,
    answerHeaders: corsAnswerHeaders(cors),
    onError: options.onError,
  });
  return { handler, hot };
}
