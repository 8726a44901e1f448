import http from "node:http";
import https from "node:https";
import { TLSSocket } from "node:tls";
import type { Config } from "../config/config.ts";

/** A server that does not answer within this is stuck, in milliseconds. */
const answerMs = 5_000;

/** What a server on this machine answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly ms: number;
  /** SHA-256 of the certificate that was shown; null without TLS. */
  readonly certificate: string | null;
}

/**
 * Asks the server of some settings, which is on this machine, for a plain endpoint. Its certificate is not checked: that
 * is for the name which the world uses.
 * @returns the answer, or why there is none.
 */
export function ask(
  { host, port, tls }: Pick<Config, "host" | "port" | "tls">,
  path: string,
): Promise<Answer | string> {
  const everywhere: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const options = { host: everywhere[host] ?? host, port, path, agent: false, rejectUnauthorized: false };
  const started = performance.now();
  return new Promise((resolve) => {
    const request = (tls === null ? http : https).get(options, (response) => {
      const { socket, statusCode: status = 0 } = response;
      const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : null;
      let body = "";
      response.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      response.once("end", () => resolve({ status, body, ms: performance.now() - started, certificate }));
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${answerMs / 1000} s`)),
      answerMs,
    );
    request.once("close", () => clearTimeout(timer));
    request.once("error", ({ message }) => resolve(message));
  });
}

/** In words for a person. */
export function told(answer: Answer | string): string {
  return typeof answer === "string" ? answer : `${answer.status} ${answer.body.trim()}`;
}
