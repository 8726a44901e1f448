import { defaultLimits } from "../../domain/limits/connection-limits.ts";
import { bytes, count, duration } from "../kinds.ts";
import { group } from "../setting.ts";

export const connections = group(
  {
    title: "Connections and messages",
    about: "[Limits](operations/limits.md) says what a client sees that meets one.",
  },
  {
    limits: {
      ...defaultLimits,
      messageBytes: bytes("max-message-bytes", {
        help: "largest request message, decompressed",
        from: 1024,
        to: 2 ** 31 - 1,
        default: defaultLimits.messageBytes,
      }),
      unfinishedBytes: bytes("max-unfinished-bytes", {
        help: "what request bodies that are not complete hold in all; those of strangers an eighth of it",
        from: 2 ** 20,
        to: 2 ** 40,
        default: defaultLimits.unfinishedBytes,
      }),
      unsentBytes: bytes("max-unsent-bytes", {
        help: "what answers that clients have not taken yet hold in all",
        from: 2 ** 20,
        to: 2 ** 40,
        default: defaultLimits.unsentBytes,
      }),
      headerBytes: bytes("max-header-bytes", {
        help: "largest set of request headers",
        from: 1024,
        to: 2 ** 20,
        default: defaultLimits.headerBytes,
      }),
      connections: count("max-connections", {
        help: "connections open at once",
        from: 1,
        to: 1_000_000,
        default: defaultLimits.connections,
      }),
      strangersPerAddress: count("max-connections-address", {
        help: "connections open at once from one address over which no valid token came",
        from: 1,
        to: 1_000_000,
        default: defaultLimits.strangersPerAddress,
      }),
      streamsPerConnection: count("max-streams", {
        help: "HTTP/2 streams open at once on a connection",
        from: 1,
        to: 100_000,
        default: defaultLimits.streamsPerConnection,
      }),
      idleTimeoutMs: duration("idle-timeout", "seconds", {
        help: "how long a connection without a call stays open",
        from: 1,
        to: 86_400,
        default: defaultLimits.idleTimeoutMs,
      }),
      headersTimeoutMs: duration("headers-timeout", "seconds", {
        help: "how long the first bytes, a TLS handshake and HTTP/1.1 headers may take",
        from: 1,
        to: 3600,
        default: defaultLimits.headersTimeoutMs,
      }),
      requestTimeoutMs: duration("request-timeout", "seconds", {
        help: "how long one whole request may take to arrive",
        from: 1,
        to: 3600,
        default: defaultLimits.requestTimeoutMs,
      }),
      controlFrames: count("max-control-frames", {
        help: "HTTP/2 PING and SETTINGS frames between two calls, in 10 seconds",
        from: 10,
        to: 1_000_000,
        default: defaultLimits.controlFrames,
      }),
      streamResets: count("max-stream-resets", {
        help: "HTTP/2 streams that a client takes back at once, and a tenth of it each second",
        from: 1,
        to: 1_000_000,
        default: defaultLimits.streamResets,
      }),
    },
  },
);
