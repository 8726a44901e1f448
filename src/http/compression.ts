import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

/** What messages can be packed with, in the order in which it is chosen. */
export const gzip = refusing(compressionGzip);
export const brotli = refusing(compressionBrotli);

/** Connect calls most of what does not unpack an internal error, such as what was cut off: it is the client's. */
function refusing(compression: Compression): Compression {
  return {
    ...compression,
    decompress: (bytes, maxBytes) =>
      compression.decompress(bytes, maxBytes).catch((error: unknown) => {
        throw isTooLarge(error)
          ? new ConnectError(
              `the message is larger than ${maxBytes} bytes once it is unpacked`,
              Code.ResourceExhausted,
            )
          : new ConnectError(`the message cannot be unpacked as ${compression.name}`, Code.InvalidArgument);
      }),
  };
}

function isTooLarge(error: unknown): boolean {
  const { cause, code } = ConnectError.from(error);
  const isNodes = typeof cause === "object" && cause !== null && "code" in cause;
  return code === Code.ResourceExhausted || (isNodes && cause.code === "ERR_BUFFER_TOO_LARGE");
}
