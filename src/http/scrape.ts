import type { PlainAnswer, PlainEndpoint } from "./plain.ts";
import { jsonAnswer } from "./plain.ts";

/** Content type of the Prometheus text format. */
const textFormat = "text/plain; version=0.0.4; charset=utf-8";

/**
 * An endpoint for scrapers, closed to those without a token.
 * @param render the text for the bearer of this Authorization header; null when it may not read it.
 */
export function scrapeEndpoint(
  render: (authorization: string | null) => Promise<string | null>,
): PlainEndpoint {
  return async (req): Promise<PlainAnswer> => {
    const text = await render(req.headers.authorization ?? null);
    if (text !== null) {
      return {
        status: 200,
        headers: { "content-type": textFormat },
        body: text,
      };
    }
    const refusal = jsonAnswer(401, {
      code: "unauthenticated",
      message: "send a user's access token as bearer",
    });
    return { ...refusal, headers: { ...refusal.headers, "www-authenticate": "Bearer" } };
  };
}
