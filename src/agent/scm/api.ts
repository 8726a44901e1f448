import type { HostHttp, HttpAnswer } from "./http.ts";
import { type Credential, type HostSpec, type ScmApi, type ScmKind, ScmRefusal } from "./kind.ts";

export interface ScmApiOptions {
  readonly http: Pick<HostHttp, "get">;
  readonly kind: ScmKind;
  readonly host: HostSpec;
  /** Null: the person is not signed in. */
  readonly credential: Credential | null;
  readonly signal: AbortSignal;
}

/** Reads from one host, and tells what its refusals mean. */
export function scmApi({ http, kind, host, credential, signal }: ScmApiOptions): ScmApi {
  const base = kind.apiBase(host);
  const headers = {
    "user-agent": "rollcall-agent",
    ...(credential && kind.authorization(credential)),
  };
  return {
    host,
    hasToken: credential !== null,
    async get(path, query = {}) {
      const search = new URLSearchParams(query).toString();
      const url = new URL(`${base}${path}${search === "" ? "" : `?${search}`}`);
      const answer = await http.get(url, headers, signal);
      refuse(answer, host.host, credential !== null);
      return { ...answer, found: answer.status >= 200 && answer.status <= 299 };
    },
  };
}

/** Whether a host asks to sign in. (Azure DevOps answers 203, or leads to its page for that.) */
function isSignedOut(status: number): boolean {
  return status === 401 || status === 203 || status === 302;
}

/** @throws ScmRefusal for what is neither success nor "no such thing" */
function refuse({ status, headers }: HttpAnswer, host: string, hasToken: boolean): void {
  if (isSignedOut(status)) {
    const what = hasToken
      ? "git authentication failed: the token is not accepted by"
      : "missing authentication token for";
    throw new ScmRefusal(9, `${what} ${host}`);
  }
  const isLimited = status === 429 || (status === 403 && headers["x-ratelimit-remaining"] === "0");
  if (isLimited) throw new ScmRefusal(8, `${host} takes no more requests for now`);
  if (status === 403) throw new ScmRefusal(7, `${host} forbids it`);
  if (status === 404 || status === 410 || status === 422 || (status >= 200 && status <= 299)) return;
  throw new ScmRefusal(14, `${host} answers with status ${status}`);
}
