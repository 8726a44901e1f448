import { DomainError } from "../../domain/errors.ts";
import type { NodeServerRequest, Origin } from "../node-http.ts";
import type { PlainAnswer, PlainEndpoint } from "./plain.ts";
import { jsonAnswer } from "./plain.ts";

/** Content type of the Prometheus text format. */
const textFormat = "text/plain; version=0.0.4; charset=utf-8";

/** How many scrapes of one endpoint are put together at once: the text of a large fleet is tens of megabytes. */
const scrapesAtOnce = 4;
const retryAfterMs = 1_000;

export interface ScrapeOptions<Reader> {
  /**
   * Who asks; null when it may not read this.
   * @throws DomainError `resource_exhausted`, or rejects with it, when it asks too often
   */
  readonly admit: (
    authorization: string | null,
    req: NodeServerRequest,
    origin: Origin,
  ) => Promise<Reader | null>;
  readonly render: (reader: Reader) => Promise<string>;
  /** Whose token it takes: `a user's` */
  readonly who: string;
}

/** An endpoint for scrapers, closed to those without a token. */
export function scrapeEndpoint<Reader>({ admit, render, who }: ScrapeOptions<Reader>): PlainEndpoint {
  let running = 0;
  return async (req, origin): Promise<PlainAnswer> => {
    const reader = await admit(req.headers.authorization ?? null, req, origin);
    if (reader === null) {
      const refusal = jsonAnswer(401, {
        code: "unauthenticated",
        message: `send ${who} access token as bearer`,
      });
      return { ...refusal, headers: { ...refusal.headers, "www-authenticate": "Bearer" } };
    }
    origin.showedToken();
    if (running >= scrapesAtOnce) {
      throw new DomainError("resource_exhausted", "too many scrapes at once", { retryAfterMs });
    }
    running += 1;
    try {
      return exposition(await render(reader));
    } finally {
      running -= 1;
    }
  };
}

/** An endpoint for scrapers that is open to every client that reaches it. */
export function openScrapeEndpoint(render: () => Promise<string>): PlainEndpoint {
  return async () => exposition(await render());
}

function exposition(text: string): PlainAnswer {
  return {
    status: 200,
    headers: { "content-type": textFormat },
    body: text,
  };
}
