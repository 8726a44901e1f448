import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeGrpcMessage } from "../../src/http/grpc-message.ts";

test("printable ASCII but the percent sign stays readable", () => {
  expect(encodeGrpcMessage("name: must be [a, b]; 100% é\n")).toBe("name: must be [a, b]; 100%25 %C3%A9%0A");
});

test("whatever is encoded decodes to itself, and is fit for a header", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (message) => {
      const encoded = encodeGrpcMessage(message);
      expect(encoded).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeURIComponent(encoded)).toBe(message);
    }),
  );
});
