import { create, type DescMethodUnary, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { HandlerContext, MethodImpl } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { unencodable } from "../../rpc/call/errors.ts";

/**
 * Has a unary method that is served through Connect fail when its answer cannot be encoded: as long as its interceptors
 * are there to hear of it, so that the failure gets an id, a log line and a count like any other. Connect would encode
 * only after them, and tell the caller the words of the engine. That it encodes again is the price; the hot path, which
 * most calls take, encodes once.
 */
export function withCheckedAnswer(
  { output }: DescMethodUnary,
  handle: MethodImpl<DescMethodUnary>,
  jsonOptions: UniversalHandlerOptions["jsonOptions"],
): MethodImpl<DescMethodUnary> {
  return async (request, context) => {
    const answer = create(output, await handle(request, context));
    try {
      if (asksForJson(context)) toJsonString(output, answer, jsonOptions);
      else toBinary(output, answer);
    } catch (error) {
      throw unencodable(error, output.typeName);
    }
    return answer;
  };
}

function asksForJson({ requestMethod, requestHeader, url }: HandlerContext): boolean {
  if (requestMethod === "GET") return new URL(url).searchParams.get("encoding") === "json";
  return /[/+]json/i.test(requestHeader.get("content-type") ?? "");
}
