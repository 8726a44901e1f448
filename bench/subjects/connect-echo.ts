import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  CreateRunnerResponseSchema,
  GetRunnerResponseSchema,
  ListRunnersResponseSchema,
  RunnerService,
} from "../../gen/gitpod/v1/runner_pb.js";
import { RenewRegistrationResponseSchema, RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import type { Recorded } from "./recorded.ts";

// Connect's own Node adapter as its documentation shows it, answering what Rollcall answered: no authentication, no
// validation, no state. Told the answers by its parent; says its ports.

process.once("message", (answers: Recorded) => {
  const recorded = (service: string, method: string) =>
    Buffer.from(answers[`/${service}/${method} application/proto`] ?? "", "base64");
  const runner = (method: string) => recorded(RunnerService.typeName, method);
  const get = fromBinary(GetRunnerResponseSchema, runner("GetRunner"));
  const created = fromBinary(CreateRunnerResponseSchema, runner("CreateRunner"));
  const listed = fromBinary(ListRunnersResponseSchema, runner("ListRunners"));
  const renewed = fromBinary(
    RenewRegistrationResponseSchema,
    recorded(RunnerAgentService.typeName, "RenewRegistration"),
  );
  const routes = (router: ConnectRouter) => {
    router.service(RunnerService, {
      getRunner: () => get,
      createRunner: () => created,
      listRunners: () => listed,
    });
    router.service(RunnerAgentService, { renewRegistration: () => renewed });
  };
  const h2 = http2.createServer(connectNodeAdapter({ routes }));
  const h1 = http.createServer(connectNodeAdapter({ routes }));
  h2.listen(0, "127.0.0.1", () =>
    h1.listen(0, "127.0.0.1", () => {
      process.send?.({ h2: (h2.address() as AddressInfo).port, h1: (h1.address() as AddressInfo).port });
    }),
  );
});
