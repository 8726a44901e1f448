import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import type { Clock } from "../../domain/clock.ts";
import { callerKey } from "../context.ts";

/** One log line a unary call: quiet for what went well, readable at the default level for what did not. */
export function callLogInterceptor(log: Logger, clock: Clock): Interceptor {
  return (next) => async (request) => {
    const start = clock.monotonic();
    const line = (code: string) => ({
      method: `${request.service.typeName}/${request.method.name}`,
      code,
      caller: request.contextValues.get(callerKey)?.id,
      durationMs: Math.round((clock.monotonic() - start) * 1000) / 1000,
    });
    try {
      const response = await next(request);
      if (log.isLevelEnabled("debug")) log.debug(line("ok"), "call");
      return response;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      log.info({ ...line(codeToString(code)), refusal: rawMessage }, "call refused");
      throw error;
    }
  };
}
