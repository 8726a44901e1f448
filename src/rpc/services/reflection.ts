import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../../gen/google/rpc/error_details_pb.js";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { shortened } from "../../lib/shortened.ts";
import { type SchemaIndex, schemaIndex, withImports } from "./schema-index.ts";

/** What both versions of the protocol ask: their messages differ in nothing but the package. */
type Question =
  | {
      case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices";
      value: string;
    }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
  | { case: undefined; value?: undefined };

/**
 * gRPC server reflection, v1 and v1alpha, so that `buf curl` and grpcurl need no schema.
 * @param services what is listed, the reflection services themselves aside. Every file that they need is served.
 * @param count counts a question for its caller: one stream may ask as many as many calls. Throws for one too many
 */
export function reflectionRoutes(
  services: readonly DescService[],
  count: (context: HandlerContext) => void,
): (router: ConnectRouter) => void {
  const listed = [...services, ServerReflection, ServerReflectionAlpha];
  let index: SchemaIndex | undefined;
  // Built when first asked for: most servers are started far more often than they are reflected on.
  const ask = (question: Question, sent: Set<DescFile>) => {
    // Error details travel as `Any`, so that no service's file leads to them.
    index ??= schemaIndex(listed, [file_google_rpc_error_details]);
    return answer(index, question, sent);
  };
  return (router) => {
    router.service(ServerReflection, {
      async *serverReflectionInfo(requests, context) {
        const sent = new Set<DescFile>();
        for await (const request of requests) {
          count(context);
          const messageResponse = ask(request.messageRequest, sent);
          yield { validHost: request.host, originalRequest: request, messageResponse };
        }
      },
    });
    router.service(ServerReflectionAlpha, {
      async *serverReflectionInfo(requests, context) {
        const sent = new Set<DescFile>();
        for await (const request of requests) {
          count(context);
          const messageResponse = ask(request.messageRequest, sent);
          yield { validHost: request.host, originalRequest: request, messageResponse };
        }
      },
    });
  };
}

/** Questions that fail are answered inside the stream: it goes on for the next one. */
function answer(index: SchemaIndex, question: Question, sent: Set<DescFile>) {
  switch (question.case) {
    case "listServices": {
      const service = index.services.map((desc) => ({ name: desc.typeName }));
      return { case: "listServicesResponse" as const, value: { service } };
    }
    case "fileByFilename":
      return fileAnswer(index.files.get(question.value), `file ${question.value}`, sent);
    case "fileContainingSymbol":
      return fileAnswer(index.symbols.get(question.value), `symbol ${question.value}`, sent);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const extension = index.extensions.get(containingType)?.find((each) => each.number === extensionNumber);
      return fileAnswer(extension?.file, `extension ${extensionNumber} of ${containingType}`, sent);
    }
    case "allExtensionNumbersOfType": {
      const extensions = index.extensions.get(question.value);
      if (extensions === undefined) return notFound(`message ${question.value}`);
      const extensionNumber = extensions.map((extension) => extension.number).sort((a, b) => a - b);
      const value = { baseTypeName: question.value, extensionNumber };
      return { case: "allExtensionNumbersResponse" as const, value };
    }
    case undefined:
      return errorAnswer(Code.InvalidArgument, "the request asks nothing");
  }
}

/** The file first, which clients expect; then what it imports that this stream has not sent yet. */
function fileAnswer(file: DescFile | undefined, what: string, sent: Set<DescFile>) {
  if (file === undefined) return notFound(what);
  const files = [file, ...withImports([file]).filter((each) => each !== file && !sent.has(each))];
  for (const each of files) sent.add(each);
  const fileDescriptorProto = files.map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
  return { case: "fileDescriptorResponse" as const, value: { fileDescriptorProto } };
}

function notFound(what: string) {
  return errorAnswer(Code.NotFound, `${shortened(what)} is not known here`);
}

function errorAnswer(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}
