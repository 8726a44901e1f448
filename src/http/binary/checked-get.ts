import { base64Decode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { wireCheck } from "./wire-check.ts";

/** Bytes that the message of a GET may have once it is unpacked: its URL, which headers bound, has few. */
const mostUnpacked = 64 * 1024;

const encoder = new TextEncoder();

/**
 * Judges the message of a GET before Connect unpacks and decodes it: Connect has no bound for it but that of a body, and calls bad
 * base64 an internal error. Belongs behind the gate, so that such a call is counted and logged like any other. JSON is
 * checked where it is decoded.
 * @param most largest message of the method in bytes, unpacked
 * @throws ConnectError
 */
export async function checkGet(
  { method, url }: Pick<HandlerContext, "method" | "url">,
  compressions: readonly Compression[],
  most: number,
): Promise<void> {
  const { searchParams } = new URL(url);
  const sent = messageOf(searchParams);
  const packing = searchParams.get("compression");
  const compression = compressions.find(({ name }) => name === packing);
  const message =
    compression === undefined
      ? sent
      : await compression.decompress(Buffer.from(sent), Math.min(most, mostUnpacked));
  if (searchParams.get("encoding") === "proto") wireCheck(method.input)(message);
}

function messageOf(searchParams: URLSearchParams): Uint8Array {
  const message = searchParams.get("message") ?? "";
  if (searchParams.get("base64") !== "1") return encoder.encode(message);
  try {
    return base64Decode(message);
  } catch {
    throw new ConnectError("the parameter message is not valid base64", Code.InvalidArgument);
  }
}
