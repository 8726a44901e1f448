import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { IdentityService, Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import {
  type RenewRegistrationRequest,
  type RenewRegistrationResponseSchema,
  RunnerAgentService,
  type SignOffRequest,
  type WatchRegistrationRequest,
  type WatchRegistrationResponseSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";

export const runnerId = "01890a5d-ac96-774b-bcce-000000000001";

type Renewed = Pick<MessageInitShape<typeof RenewRegistrationResponseSchema>, "wanted" | "windDown">;
type Pushed = MessageInitShape<typeof WatchRegistrationResponseSchema>;

/** A refusal as the real server words it on the wire. */
export function refusal(reason: string, code: Code, domain = "rollcall"): ConnectError {
  const error = new ConnectError(`refused: ${reason}`, code);
  error.details.push({
    desc: ErrorInfoSchema,
    value: create(ErrorInfoSchema, { reason, domain }),
  });
  return error;
}

/** A server that does what a test says, and keeps what it is told. */
export class FakeServer {
  readonly keys: (string | null)[] = [];
  readonly renewals: RenewRegistrationRequest[] = [];
  readonly renewedWith: (string | null)[] = [];
  readonly watches: WatchRegistrationRequest[] = [];
  readonly signOffs: SignOffRequest[] = [];
  generation = 0;
  /** Throw to refuse. */
  exchange: (token: string) => string = () => `access-${this.keys.length}`;
  /** The id of the runner whose access token it is. */
  identity: () => string = () => runnerId;
  renew: (request: RenewRegistrationRequest) => Renewed | Promise<Renewed> = () => ({});
  watch: (request: WatchRegistrationRequest, signal: AbortSignal) => AsyncIterable<Pushed> = (_, signal) =>
    this.#pushes(signal);
  signOff: () => void = () => {};
  /** The status that a proxy answers instead of the server, with a page of HTML; null: the server answers. */
  proxyStatus: number | null = null;
  #server: http2.Http2Server | null = null;
  #sessions = new Set<http2.ServerHttp2Session>();
  #port = 0;
  #push: ((message: Pushed) => void) | null = null;

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#port}`);
  }

  get watched(): boolean {
    return this.#push !== null;
  }

  push(message: Pushed): void {
    this.#push?.(message);
  }

  /** Listens, on the same port when it did before. */
  async start(): Promise<void> {
    const handler = connectNodeAdapter({ routes: (router) => this.#routes(router) });
    const server = http2.createServer((request, response) => {
      if (this.proxyStatus === null) return handler(request, response);
      response.writeHead(this.proxyStatus, { "content-type": "text/html" }).end("<h1>no such service</h1>");
    });
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Drops every connection and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  #routes(router: ConnectRouter): void {
    router.service(IdentityService, {
      exchangeToken: (request, context) => {
        this.keys.push(context.requestHeader.get("idempotency-key"));
        return { accessToken: this.exchange(request.exchangeToken) };
      },
      getAuthenticatedIdentity: () => ({ subject: { id: this.identity(), principal: Principal.RUNNER } }),
    });
    router.service(RunnerAgentService, {
      renewRegistration: async (request, context) => {
        this.renewals.push(request);
        this.renewedWith.push(context.requestHeader.get("authorization"));
        const answer = await this.renew(request);
        if (request.generation === 0) this.generation += 1;
        const usual = { renewAfter: { seconds: 30n }, lease: { seconds: 45n } };
        return { ...usual, generation: this.generation, ...answer };
      },
      watchRegistration: (request, context) => {
        this.watches.push(request);
        return this.watch(request, context.signal);
      },
      signOff: (request) => {
        this.signOffs.push(request);
        this.signOff();
        return {};
      },
    });
  }

  async *#pushes(signal: AbortSignal): AsyncIterable<Pushed> {
    const waiting: Pushed[] = [{ event: { case: "keepAlive", value: {} } }];
    let wake = (): void => {};
    const push = (message: Pushed): void => {
      waiting.push(message);
      wake();
    };
    this.#push = push;
    signal.addEventListener("abort", () => wake());
    try {
      while (!signal.aborted) {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      if (this.#push === push) this.#push = null;
    }
  }
}

export const unavailable = (): ConnectError => new ConnectError("not now", Code.Unavailable);
