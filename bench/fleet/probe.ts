import { writeFileSync } from "node:fs";
import type { Inspector, MemoryUse } from "./inspector.ts";
import type { FleetOptions } from "./options.ts";
import type { ServerProcess } from "./server-process.ts";

/** What the server held at one point of a run. */
export interface MemoryAt extends MemoryUse {
  readonly when: string;
  /** Resident before it collected its garbage. */
  readonly rssAsFoundBytes: number;
}

/** Looks into the server's process where the options ask for it; does nothing where they do not. */
export class Probe {
  readonly memory: MemoryAt[] = [];
  readonly #options: FleetOptions;
  readonly #server: ServerProcess | null;

  constructor(options: FleetOptions, server: ServerProcess | null) {
    this.#options = options;
    this.#server = server;
  }

  async measureMemory(when: string): Promise<void> {
    if (!this.#options.memory || this.#server === null) return;
    const rssAsFoundBytes = this.#server.use().rssBytes;
    const use = await this.#with((inspector) => inspector.memory());
    this.memory.push({ when, rssAsFoundBytes, ...use });
  }

  /** Profiles the CPU from now on. @returns what ends it and writes the file */
  async startProfile(phase: string): Promise<() => Promise<void>> {
    const { profile } = this.#options;
    const server = this.#server;
    if (profile === null || server === null) return async () => undefined;
    const inspector = await server.inspect();
    await inspector.startProfile();
    return async () => {
      writeFileSync(`${profile}.${phase}.cpuprofile`, await inspector.stopProfile());
      inspector.close();
    };
  }

  async #with<T>(work: (inspector: Inspector) => Promise<T>): Promise<T> {
    const inspector = await (this.#server as ServerProcess).inspect();
    try {
      return await work(inspector);
    } finally {
      inspector.close();
    }
  }
}
