import { fileURLToPath } from "node:url";
import type { CallerKind, Outcome } from "../caller.ts";
import { run } from "./command.ts";

const buf = fileURLToPath(new URL("../../../node_modules/.bin/buf", import.meta.url));

/** `buf curl`, which learns the schema from the server by reflection. */
export function bufCurl(protocol: "grpc" | "grpcweb" | "connect"): CallerKind {
  return {
    name: `buf curl --protocol ${protocol}`,
    // Reflection is a bidirectional stream, which needs HTTP/2 whatever the call itself would do with.
    http: "2",
    open({ url, token, caFile }) {
      const wire = caFile === null ? ["--http2-prior-knowledge"] : ["--cacert", caFile];
      const common = ["curl", "--protocol", protocol, ...wire, "-H", `Authorization: Bearer ${token}`];
      return {
        async call(method, request): Promise<Outcome> {
          const address = `${url}/gitpod.v1.RunnerService/${method}`;
          const { stdout, stderr } = await run(buf, [...common, "-d", JSON.stringify(request), address]);
          if (stdout.trim() !== "") return { answer: JSON.parse(stdout) };
          const { code, message } = JSON.parse(stderr);
          return { refused: { code, message } };
        },
        close() {},
      };
    },
  };
}
