import type { Message } from "@bufbuild/protobuf";

type Bytes = Uint8Array<ArrayBuffer>;

/** How an answer was encoded when it was given before. */
type Encoded = Partial<Record<"binary" | "json", Bytes>>;

const lasting = new WeakMap<Message, Encoded>();

/** Marks an answer that will be given again, the very same object: it is encoded once. No code may change it from now on. */
export function lastingAnswer<T extends Message>(answer: T): T {
  lasting.set(answer, {});
  return answer;
}

/** The encoding of an answer: of one that lasts, as it was made the first time. */
export function encodedOnce(answer: Message, as: keyof Encoded, encode: () => Bytes): Bytes {
  const encoded = lasting.get(answer);
  if (encoded === undefined) return encode();
  encoded[as] ??= encode();
  return encoded[as];
}
