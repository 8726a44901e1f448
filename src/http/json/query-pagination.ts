import { type DescMessage, type Message, mergeFromJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Interceptor } from "../../rpc/call/interceptor.ts";
import { told } from "../../rpc/call/violations.ts";
import { jsonCheck } from "./json-check.ts";

const paginationType = "gitpod.v1.PaginationRequest";
/** As official SDKs write them: `?token=…&pageSize=…`. */
const parameters = ["token", "pageSize"] as const;

/**
 * Puts the page that a POST asks for in its URL into the `pagination` of its message. Official SDKs that are made
 * from an OpenAPI description page in this way, and send the same body with every page: without this they would
 * read the first page for ever. So what the URL says wins over the body, and what it leaves out stays as it is.
 * Other parameters, and other methods than those that list, are left alone. A page size that is no number, and
 * a parameter that is there twice, are `invalid_argument`.
 */
export const queryPagination: Interceptor = (next) => (request) => {
  if (!request.stream && request.requestMethod === "POST" && request.url.includes("?")) {
    mergePage(request.method.input, request.message, new URL(request.url).searchParams);
  }
  return next(request);
};

function mergePage(desc: DescMessage, message: Message, query: URLSearchParams): void {
  const field = desc.field.pagination;
  if (field?.fieldKind !== "message" || field.message.typeName !== paginationType) return;
  const sent = parameters.filter((name) => query.has(name));
  if (sent.length === 0) return;
  const twice = sent.find((name) => query.getAll(name).length > 1);
  if (twice !== undefined) {
    throw new ConnectError(`the URL has the parameter ${twice} more than once`, Code.InvalidArgument);
  }
  const request = reflect(desc, message);
  const page = request.get(field);
  const { known, found } = jsonCheck(field.message)(
    Object.fromEntries(sent.map((name) => [name, query.get(name)])),
  );
  if (found.total > 0) {
    throw new ConnectError(`the URL's parameters: ${told(found).message}`, Code.InvalidArgument);
  }
  mergeFromJson(field.message, page.message, known);
  request.set(field, page);
}
