import http from "node:http";
import type { Deed, Model, Thing } from "./model.ts";

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** The server died, or is about to, before it answered: nobody knows what became of the call. */
export class CutOff extends Error {}

/** An answer that no client should have got. */
export class WrongAnswer extends Error {}

/** One client of one life of the server, with a connection of its own. */
export class CrashClient {
  readonly #url: string;
  readonly #token: string;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly model: Model;
  /** Set once the server was told to stop: from then on `unavailable` is no wrong answer. */
  stopping = false;

  constructor(url: string, token: string, model: Model) {
    this.#url = url;
    this.#token = token;
    this.model = model;
  }

  /** One JSON call, whatever is answered. @throws CutOff */
  try(procedure: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const cut = (error: Error) => reject(new CutOff(error.message));
      const request = http.request(`${this.#url}/${procedure}`, {
        agent: this.#agent,
        method: "POST",
        headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json", ...headers },
      });
      request.on("error", cut);
      request.on("response", (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("error", cut);
        response.on("close", () => {
          if (response.complete) resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
          else cut(new Error("half an answer"));
        });
      });
      request.end(JSON.stringify(body));
    });
  }

  /** @throws CutOff, WrongAnswer for anything but success */
  async call(
    procedure: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer["body"]> {
    const answer = await this.try(procedure, body, headers);
    if (answer.status === 200) return answer.body;
    const said = `${procedure}: ${answer.status} ${JSON.stringify(answer.body)}`;
    throw this.stopping && answer.status === 503 ? new CutOff(said) : new WrongAnswer(said);
  }

  /** Asks for a change. Until it is answered, it may have happened or not. */
  async change(
    thing: Thing,
    deed: Deed,
    procedure: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer["body"]> {
    thing.pending = deed;
    const answer = await this.call(procedure, body, headers);
    thing.pending = null;
    this.model.happened(thing, deed);
    this.model.acknowledged += 1;
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }
}
