import { createContextKey } from "@connectrpc/connect";

/**
 * Sends the response headers of a stream now. Connect holds them back until the first message, and a client that
 * watches a quiet server would wait for as long to learn that it is connected. Where nothing is set, as in
 * memory-only transports, the headers come with the first message.
 */
export const sendHeadersKey = createContextKey<(headers: Headers) => void>(() => {}, {
  description: "sends the response headers before the first message",
});
