import { plainRequest } from "./http.ts";
import { adminToken, type TestServer } from "./server.ts";

/** What a scrape found. */
export interface Scrape {
  readonly text: string;
  /** The sum of all series of this name that have these labels; 0 when there are none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** Every family: its type, and the names of the labels that its series have, `le` aside. */
  families(): Map<string, { type: string; labels: Set<string> }>;
}

/** The metrics of a server, as an operator's scraper reads them. */
export async function scrape(server: Pick<TestServer, "url">, token = adminToken): Promise<Scrape> {
  const answer = await plainRequest(`${server.url}/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${answer.text}`);
  return readScrape(answer.text);
}

/** The text format of Prometheus, as far as this server uses it. */
export function readScrape(text: string): Scrape {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const samples = lines.map((line) => {
    const [, name = "", labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (value === undefined) throw new Error(`no sample: ${line}`);
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", text = ""]) => [key, text]);
    return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
  });
  return {
    text,
    sum(name, wanted = {}) {
      const entries = Object.entries(wanted);
      return samples
        .filter((one) => one.name === name && entries.every(([key, value]) => one.labels[key] === value))
        .reduce((sum, { value }) => sum + value, 0);
    },
    families() {
      const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
      return new Map(
        types.map(([, name = "", type = ""]) => {
          const own = type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
          const labels = samples
            .filter((one) => own.includes(one.name))
            .flatMap((one) => Object.keys(one.labels));
          return [name, { type, labels: new Set(labels.filter((label) => label !== "le")) }];
        }),
      );
    },
  };
}
