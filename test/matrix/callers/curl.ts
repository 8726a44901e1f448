import type { CallerKind, Outcome } from "../caller.ts";
import { run } from "./command.ts";

/** curl with a JSON body, as people try an API out. */
export function curl(http: "1.1" | "2"): CallerKind {
  return {
    name: "curl",
    http,
    open({ url, token, caFile }) {
      const clear = http === "2" ? "--http2-prior-knowledge" : "--http1.1";
      const wire = caFile === null ? [clear] : [http === "2" ? "--http2" : "--http1.1", "--cacert", caFile];
      const common = [
        "-sS",
        ...wire,
        "-H",
        `Authorization: Bearer ${token}`,
        "-H",
        "Content-Type: application/json",
      ];
      return {
        async call(method, request): Promise<Outcome> {
          const address = `${url}/gitpod.v1.RunnerService/${method}`;
          const data = ["-d", JSON.stringify(request), "-w", "\n%{http_code} %{http_version}", address];
          const { stdout, stderr } = await run("curl", [...common, ...data]);
          const [, body = "", status, version] = /^(.*)\n(\d+) (\S+)$/s.exec(stdout) ?? [];
          if (version !== http) throw new Error(`spoke HTTP ${version}: ${stdout}${stderr}`);
          const json = JSON.parse(body);
          return status === "200"
            ? { answer: json }
            : { refused: { code: json.code, message: json.message } };
        },
        close() {},
      };
    },
  };
}
