import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { Recorded } from "./recorded.ts";

// The floor: Node's own servers, which read a request whole and answer the bytes that Rollcall answered, with the same
// content type. No message is decoded, nothing is checked. Told the answers by its parent; says its ports.

process.once("message", (answers: Recorded) => {
  const bodyOf = (path: string | undefined, type: string | undefined) =>
    Buffer.from(answers[`${path} ${type}`] ?? "", "base64");

  const h2 = http2.createServer();
  h2.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
    const type = headers["content-type"];
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      Buffer.concat(chunks);
      const body = bodyOf(headers[":path"], type);
      if (type === "application/grpc") {
        stream.respond({ ":status": 200, "content-type": type }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      } else {
        stream.respond({ ":status": 200, "content-type": type, "content-length": body.length });
      }
      stream.end(body);
    });
    stream.on("error", () => {});
  });

  const h1 = http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      Buffer.concat(chunks);
      const type = req.headers["content-type"] ?? "";
      const body = bodyOf(req.url, type);
      res.writeHead(200, { "content-type": type, "content-length": body.length });
      res.end(body);
    });
  });
  h2.listen(0, "127.0.0.1", () =>
    h1.listen(0, "127.0.0.1", () => {
      process.send?.({ h2: (h2.address() as AddressInfo).port, h1: (h1.address() as AddressInfo).port });
    }),
  );
});
