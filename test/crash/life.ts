import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";
import { type CommandProcess, listening, startCommand } from "../support/command.ts";
import { checkAnswers } from "./answer-check.ts";
import { CrashClient, CutOff } from "./client.ts";
import { checkFile } from "./file-check.ts";
import type { Model } from "./model.ts";
import type { Worker } from "./worker.ts";

const token = "crash-run-admin-token";

/** When a life ends: while the server starts, under load, or under load while it stops in order. */
export type End = "start" | "load" | "stop";

/** A server's data over all of its lives, and what it is held to. */
export class Lives {
  readonly dir: string;
  readonly model: Model;
  readonly #workers: readonly Worker[];
  readonly #random: () => number;
  #auditSeen = 0;

  constructor(dir: string, model: Model, workers: readonly Worker[], random: () => number) {
    this.dir = dir;
    this.model = model;
    this.#workers = workers;
    this.#random = random;
  }

  /** Starts a server, kills it, and looks at what it left. @returns what is wrong */
  async kill(end: End): Promise<string[]> {
    const server = this.#start();
    if (end === "start") {
      await wait(this.#random() * 1200);
      server.process.kill("SIGKILL");
      await server.exited;
      return this.#checkFile();
    }
    const url = await listening(server);
    const problems = await this.#ask(url, 20);
    const clients = this.#workers.map(() => new CrashClient(url, token, this.model));
    const organizationId = await this.#organization(url);
    this.#takeBaseline();
    const working = this.#workers.map((worker, i) => worker.work(clients[i] as CrashClient, organizationId));
    const done = Promise.all(working);
    // What a worker throws is told once the server is dead.
    done.catch(() => {});
    await wait(30 + this.#random() * 300);
    if (end === "stop") {
      for (const client of clients) client.stopping = true;
      server.process.kill("SIGTERM");
      await wait(this.#random() * 60);
    }
    server.process.kill("SIGKILL");
    await server.exited;
    for (const client of clients) client.close();
    await done;
    if (end === "load") problems.push(...said(server));
    return [...problems, ...this.#checkFile()];
  }

  /** Starts a server for the last time, asks it for everything, and lets it stop in order. */
  async finish(): Promise<string[]> {
    const server = this.#start();
    const problems = await this.#ask(await listening(server), "all");
    server.process.kill("SIGTERM");
    const code = await server.exited;
    if (code !== 0) problems.push(`the server ended with ${code}`);
    return [...problems, ...said(server), ...this.#checkFile()];
  }

  #start(): CommandProcess {
    for (const { lease } of this.model.things) lease.starts += 1;
    const words = ["serve", "--port", "0", "--data-dir", this.dir, "--log-level", "error"];
    // All that it calls comes from one address, with one token.
    words.push("--rate-limit-token", "0", "--rate-limit-address", "0");
    return startCommand(words, { ROLLCALL_ADMIN_TOKEN: token });
  }

  async #ask(url: string, sample: number | "all"): Promise<string[]> {
    const client = new CrashClient(url, token, this.model);
    const entries = this.#audit();
    const fresh = sample === "all" ? entries : entries.slice(0, entries.length - this.#auditSeen);
    this.#auditSeen = entries.length;
    try {
      return await checkAnswers(client, { random: this.#random, sample, audit: fresh });
    } catch (error) {
      if (error instanceof CutOff) return [`the server did not answer: ${error.message}`];
      throw error;
    } finally {
      client.close();
    }
  }

  async #organization(url: string): Promise<string> {
    const client = new CrashClient(url, token, this.model);
    const { organizationId } = await client.call("gitpod.v1.IdentityService/GetAuthenticatedIdentity", {});
    client.close();
    return String(organizationId);
  }

  /** Ids of all entries, newest first. */
  #audit(): string[] {
    return this.#read((database) =>
      database
        .prepare<[], string>("SELECT id FROM audit_log ORDER BY created_at DESC, id DESC")
        .pluck()
        .all(),
    );
  }

  #takeBaseline(): void {
    if (this.model.things.length > 0) return;
    const count = (sql: string) => this.#read((database) => Number(database.prepare(sql).pluck().get()));
    this.model.baseline.audit = count("SELECT count(*) FROM audit_log");
    this.model.baseline.events = count("SELECT count(*) FROM events WHERE operation <> 4");
  }

  #read<T>(look: (database: Database.Database) => T): T {
    const database = new Database(join(this.dir, "rollcall.db"), { readonly: true });
    try {
      return look(database);
    } finally {
      database.close();
    }
  }

  /** On a copy: opening the file would repair it before the server has to. */
  #checkFile(): string[] {
    if (this.model.things.length === 0) return [];
    const copy = `${this.dir}-copy`;
    cpSync(this.dir, copy, { recursive: true });
    const problems = checkFile(join(copy, "rollcall.db"), this.model);
    rmSync(copy, { recursive: true });
    return problems;
  }
}

/** What a server wrote to its log at `error` and above: nothing is worth it in a run like this. */
function said({ stderr }: CommandProcess): string[] {
  return stderr() === "" ? [] : [`the server's log: ${stderr()}`];
}
