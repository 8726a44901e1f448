import { defaultLimits } from "../connections/limits.ts";
import { type Listener, type ListenOptions, listen } from "../connections/listener.ts";
import { plainHandler } from "./plain.ts";
import { openScrapeEndpoint } from "./scrape.ts";

/** Connections at once: for scrapers, and people who look. */
const connections = 64;

export interface MetricsPortOptions extends Pick<ListenOptions, "host" | "port" | "onConnectionError"> {
  readonly text: () => Promise<string>;
  /** The text could not be made. */
  readonly onError: (error: unknown, path: string) => void;
}

/** Opens a port that shows `/metrics`, and nothing else, to whoever reaches it. Rejects as {@link listen} does. */
export function openMetricsPort({ text, onError, ...options }: MetricsPortOptions): Promise<Listener> {
  return listen({
    ...options,
    limits: { ...defaultLimits, connections },
    handler: plainHandler({ "/metrics": openScrapeEndpoint(text) }, onError),
  });
}
