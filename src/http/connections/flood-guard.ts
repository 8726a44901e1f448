import http2, { type ServerHttp2Session } from "node:http2";

/** Length of the time in which frames are counted, in milliseconds. */
const spanMs = 10_000;

/**
 * Ends a session whose client keeps the server busy with frames that carry no call: PING and SETTINGS, each of which has to be
 * acknowledged. Node counts neither. Clients that measure their bandwidth send a PING for many answers, so that a
 * call sets the count back.
 * @param mostFrames how many may come between two calls, within 10 seconds
 */
export function guardAgainstFloods(session: ServerHttp2Session, mostFrames: number): void {
  let frames = 0;
  let since = performance.now();
  const onCall = () => {
    frames = 0;
  };
  const onFrame = () => {
    const now = performance.now();
    if (now - since > spanMs) {
      since = now;
      frames = 0;
    }
    frames += 1;
    if (frames <= mostFrames || session.destroyed) return;
    const { NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;
    session.destroy(new Error("too many frames without a call"), NGHTTP2_ENHANCE_YOUR_CALM);
  };
  session.on("stream", onCall);
  session.on("ping", onFrame);
  session.on("remoteSettings", onFrame);
}
