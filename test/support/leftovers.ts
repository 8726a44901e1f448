import net from "node:net";
import { eventually } from "./eventually.ts";

/** Resolves when the port refuses connections; rejects when somebody still accepts. */
export function portRefuses(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname);
    socket.once("connect", () => {
      socket.destroy();
      reject(new Error(`${url} still accepts connections`));
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") resolve();
      else reject(error);
    });
  });
}

/** Resolves once no TCP server and no TCP socket of this process is open. */
export function noSocketLeft(): Promise<void> {
  return eventually(() => {
    const open = process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));
    if (open.length > 0) throw new Error(`still open: ${open.join(", ")}`);
  });
}

/** Anything of the shape that this server mints. */
export const mintedToken = /rc(?:pat|sat|run|exc)_[0-9A-Za-z]{20,}/g;
