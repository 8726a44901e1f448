import https from "node:https";

/** How long one request may take, in milliseconds; how large an answer may be, in bytes; how often it may redirect. */
const patienceMs = 5_000;
const answerBytes = 1024 * 1024;
const redirectsAtMost = 5;

/** How connections to hosts are made: through the proxy that the environment names, if it names one. */
export function hostAgent(environment: Readonly<Record<string, string | undefined>>): https.Agent {
  return new https.Agent({ proxyEnv: { ...environment } });
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What the JSON says; null when it is none. */
  readonly body: unknown;
}

/** Why a host gave no answer. Its message is for people, and has no secret in it. */
export class HttpFailure extends Error {
  override readonly name = "HttpFailure";
}

/** Reads from source-code hosts: https alone, redirects to the same host alone, all of it bounded. */
export class HostHttp {
  readonly #agent: https.Agent;

  /** @param agent how connections are made: through a proxy perhaps */
  constructor(agent: https.Agent) {
    this.#agent = agent;
  }

  /** @throws HttpFailure when there is no answer that can be used */
  async get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    const until = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
    let at = url;
    for (let redirects = 0; redirects <= redirectsAtMost; redirects += 1) {
      if (at.protocol !== "https:") throw new HttpFailure(`${url.host} is not asked without TLS`);
      const answer = await this.#once(at, headers, until);
      const { location } = answer.headers;
      if (answer.status < 300 || answer.status > 399 || typeof location !== "string") return answer;
      const next = URL.parse(location, at);
      if (next?.protocol !== "https:" || next.host !== url.host)
        throw new HttpFailure(`${url.host} redirects to another host, or to one without TLS`);
      at = next;
    }
    throw new HttpFailure(`${url.host} redirects too often`);
  }

  #once(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const fail = (why: string): void => reject(new HttpFailure(`${url.host} ${why}`));
    const options = { agent: this.#agent, headers: { accept: "application/json", ...headers }, signal };
    const request = https.get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size <= answerBytes) chunks.push(chunk);
        else {
          fail(`answers with more than ${answerBytes} bytes`);
          request.destroy();
        }
      });
      response.once("error", () => fail("broke its answer off"));
      response.once("end", () => {
        const { statusCode: status = 0, headers: given } = response;
        resolve({ status, headers: given, body: json(Buffer.concat(chunks)) });
      });
    });
    request.once("error", (error) =>
      fail(signal.aborted ? "did not answer in time" : `cannot be reached: ${reasonOf(error)}`),
    );
    return promise;
  }
}

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}

/** Codes of Node and OpenSSL say enough, and nothing of addresses inside of the network. */
function reasonOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "the connection failed";
}
