import type { PlainAnswer, PlainEndpoint } from "./plain.ts";
import { jsonAnswer } from "./plain.ts";

/** Content type of the Prometheus text format. */
const textFormat = "text/plain; version=0.0.4; charset=utf-8";

/**
 * An endpoint for scrapers, closed to those without a token.
 * @param render the text for the bearer of this Authorization header; null when it may not read it.
 * @param who whose token it takes: `a user's`
 */
export function scrapeEndpoint(
  render: (authorization: string | null) => Promise<string | null>,
  who: string,
): PlainEndpoint {
  return async (req): Promise<PlainAnswer> => {
    const text = await render(req.headers.authorization ?? null);
    if (text !== null) return exposition(text);
    const refusal = jsonAnswer(401, {
      code: "unauthenticated",
      message: `send ${who} access token as bearer`,
    });
    return { ...refusal, headers: { ...refusal.headers, "www-authenticate": "Bearer" } };
  };
}

/** An endpoint for scrapers that is open to whoever reaches it. */
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
