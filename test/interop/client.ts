import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";

export const folder = import.meta.dirname;

/** What a story has to report over one protocol and HTTP version, step by step. */
export interface Row {
  /** As the story writes it, without blanks: `gRPC`, `gRPC-Web`, `Connect-JSON`, `JSON`. */
  readonly protocol: string;
  readonly http: string;
  readonly steps: readonly string[];
}

/** One client of another make, with the story that it tells: a folder beside this file. */
export interface Client {
  /** Name of its folder. */
  readonly id: string;
  readonly name: string;
  readonly language: string;
  /** Commands that its run takes from the machine. */
  readonly needs: readonly string[];
  /** Flags of its server, beyond the address and the data folder. */
  readonly serverArgs?: readonly string[];
  readonly rows: readonly Row[];
}

/** All clients, by the names of their folders. @throws Error when a name is asked for that none has */
export function clients(only: readonly string[] = []): Client[] {
  const all = globSync(join(folder, "*/client.json"))
    .sort()
    .map((file) => ({ id: basename(dirname(file)), ...JSON.parse(readFileSync(file, "utf8")) }) as Client);
  const unknown = only.filter((id) => !all.some((client) => client.id === id));
  if (unknown.length > 0) throw new Error(`no such client: ${unknown.join(", ")}`);
  return only.length === 0 ? all : all.filter(({ id }) => only.includes(id));
}

/** The commands that this machine lacks for a client. */
export function missingCommands(client: Client): string[] {
  const places = (process.env.PATH ?? "").split(delimiter);
  return client.needs.filter((command) => !places.some((place) => existsSync(join(place, command))));
}
