import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { DomainError } from "../domain/errors.ts";
import { printable } from "../lib/printable.ts";
import { readConfig } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** An answer in the JSON form of its message. */
export type Answer = { readonly [field: string]: unknown };

/** What an operator calls on one server. Methods are of `rollcall.v1.AdminService`, unless they name another service. */
export interface AdminApi {
  /** @throws Error with a message for the operator when the server refuses or does not answer */
  call(method: string, request: object): Promise<Answer>;
  /** Every entry of a list, page after page. */
  all(method: string, request: object, field: string): Promise<readonly Answer[]>;
}

/** The server refused; the message says why. */
class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** The code of the refusal, such as `permission_denied`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(printable(`${message} (${code})`));
    this.code = code;
  }
}

export interface ApiOptions {
  readonly server?: string;
  readonly tokenFile?: string;
}

const defaultServer = "http://127.0.0.1:7655";

/** The token of the flag's file, else that of the environment, else the one that a server on this machine left in its folder. */
function tokenOf({ tokenFile }: ApiOptions, terminal: Terminal): string {
  const { ROLLCALL_TOKEN, ROLLCALL_TOKEN_FILE } = terminal.environment;
  if (tokenFile === undefined && ROLLCALL_TOKEN) return ROLLCALL_TOKEN.trim();
  return readFileSync(tokenFile ?? (ROLLCALL_TOKEN_FILE || ownTokenFile(terminal)), "utf8").trim();
}

/** How long the server may take for one answer, in milliseconds. */
const timeoutMs = 30_000;

/** Speaks JSON over HTTP/1.1, as curl would: the command line needs no generated code. */
export function adminApi(options: ApiOptions, terminal: Terminal): AdminApi {
  const { environment } = terminal;
  const text = options.server ?? (environment.ROLLCALL_URL || defaultServer);
  const server = URL.parse(text);
  if (server === null || !["http:", "https:"].includes(server.protocol)) {
    throw new DomainError("invalid", `--server must be an http or https address, not "${text}"`);
  }
  if (server.protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(server.hostname)) {
    terminal.warn("http: the token crosses the network in clear; use https");
  }
  const token = tokenOf(options, terminal);
  const base = text.replace(/\/+$/, "");

  const api: AdminApi = {
    async call(method, request) {
      const path = method.includes("/") ? method : `rollcall.v1.AdminService/${method}`;
      const { status, body } = await post(`${base}/${path}`, token, request);
      const answer = parsed(body);
      if (status === 200 && answer !== null) return answer;
      if (typeof answer?.message === "string") throw new RefusedError(String(answer.code), answer.message);
      throw new RefusedError(`HTTP ${status}`, `${base} does not answer like a Rollcall server`);
    },
    async all(method, request, field) {
      const entries: Answer[] = [];
      for (let next = ""; ; ) {
        const answer = await api.call(method, { ...request, pagination: { pageSize: 100, token: next } });
        entries.push(...((answer[field] as Answer[] | undefined) ?? []));
        next = String((answer.pagination as Answer | undefined)?.nextToken ?? "");
        if (next === "") return entries;
      }
    },
  };
  return api;
}

/** Where the first start of a server on this machine leaves the admin's token. */
function ownTokenFile(terminal: Terminal): string {
  return join(readConfig({}, terminal).dataDir, "admin-token");
}

function post(url: string, token: string, request: object): Promise<{ status: number; body: string }> {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "user-agent": "rollcall admin",
  };
  return new Promise((resolve, reject) => {
    const { request: open } = url.startsWith("https:") ? https : http;
    const call = open(url, { method: "POST", headers, agent: false, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      });
    });
    call.on("timeout", () => call.destroy(new RefusedError("timeout", "the server did not answer in time")));
    call.on("error", reject);
    call.end(JSON.stringify(request));
  });
}

function parsed(body: string): Answer | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Answer) : null;
  } catch {
    return null;
  }
}
