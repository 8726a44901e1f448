import { Command, InvalidArgumentError } from "commander";
import { DomainError } from "../domain/errors.ts";
import type { AccessToken } from "../domain/tokens/access-token.ts";
import { mintToken } from "../domain/tokens/token.ts";
import { personalTokenMaxMs } from "../domain/users/personal-token.ts";
import { systemClock } from "../lib/clock.ts";
import { printableJson } from "../lib/printable.ts";
import { databaseFile } from "../start/data-dir.ts";
import { openStore } from "../start/open-store.ts";
import type { Store, User } from "../store/store.ts";
import { change } from "./ask-server.ts";
import { addSettings, outputOption, readConfig } from "./settings.ts";
import { asTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const dayMs = 24 * 60 * 60 * 1000;

const about = `
Works on the database of this machine. A server that runs on it makes the change itself, and obeys it from then on.

Examples:
  rollcall token create --description "ci" --read-only --days 30
  rollcall token list --output json
  rollcall token list --runner 019ab3c2-5d11-7c44-9c1e-3f0b7a2e6d10
  rollcall token revoke 019ab3c2-6f0e-7a10-8d2b-5a4f1c7e9b00
`;

/** `rollcall token`: the tokens of the first organisation's admin. */
export function tokenCommand(terminal: Terminal): Command {
  const command = new Command("token")
    .description("manage access tokens on the machine of the database")
    .addHelpText("after", about);
  command.addCommand(
    addSettings(new Command("create").description("mint a token for the admin and print it once"), [
      "data-dir",
    ])
      .option("--description <TEXT>", "what it is for", "")
      .option("--read-only", "allow only methods that change nothing")
      .option("--days <DAYS>", "expires after so many days, at most 90", wholeDays, 90)
      .addHelpText("after", about)
      .action((options: CreateOptions) =>
        change(dataDirOf(options, terminal), async (operations) => {
          // The server is told its hash alone.
          const { secret, hash } = mintToken("personal");
          await operations.createToken({
            hash: Buffer.from(hash).toString("hex"),
            description: options.description,
            readOnly: options.readOnly === true,
            livesMs: options.days * dayMs,
          });
          terminal.print(secret);
        }),
      ),
  );
  command.addCommand(
    addSettings(new Command("list").description("list tokens, newest first; never their secrets"), [
      "data-dir",
    ])
      .option("--runner <ID>", "the tokens of this runner instead of those of people and services")
      .addOption(outputOption())
      .addHelpText("after", about)
      .action((options: ListOptions) =>
        withAdmin(options, terminal, async (store, admin) => {
          const tokens = await store.tokens.listAccessTokens(
            admin.organizationId,
            options.runner?.toLowerCase(),
          );
          terminal.print(options.output === "json" ? asJson(tokens) : tokenTable(tokens));
        }),
      ),
  );
  command.addCommand(
    addSettings(new Command("revoke").description("end a token at once"), ["data-dir"])
      .argument("<ID>", "id of the token, from rollcall token list")
      .addHelpText("after", about)
      .action((id: string, options: TokenOptions) =>
        change(dataDirOf(options, terminal), async (operations) => {
          const { revoked } = await operations.revokeToken({ id: id.toLowerCase() });
          if (!revoked) throw new DomainError("not_found", `no live token has the id ${id}`);
          terminal.print(`revoked ${id}`);
        }),
      ),
  );
  return command;
}

type TokenOptions = Record<string, string>;
type CreateOptions = TokenOptions & { description: string; readOnly?: boolean; days: number };
type ListOptions = TokenOptions & { output: string; runner?: string };

function dataDirOf(options: object, terminal: Terminal): string {
  return readConfig(options, terminal).dataDir;
}

/** Reads, beside a server or without one. */
async function withAdmin(
  options: object,
  terminal: Terminal,
  work: (store: Store, admin: User) => Promise<void>,
): Promise<void> {
  const store = openStore(databaseFile(dataDirOf(options, terminal)), "reader");
  try {
    const first = await store.founding.first();
    if (first === null)
      throw new DomainError("not_found", "the server has not been started on this folder yet");
    await work(store, first.admin);
  } finally {
    await store.close();
  }
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (!/^\d{1,2}$/.test(text) || days < 1 || days * dayMs > personalTokenMaxMs) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${personalTokenMaxMs / dayMs}.`);
  }
  return days;
}

function asJson(tokens: readonly AccessToken[]): string {
  return printableJson(tokens.map((token) => ({ ...token, state: stateOf(token) })));
}

function tokenTable(tokens: readonly AccessToken[]): string {
  const rows = tokens.map((token) => [
    token.id,
    stateOf(token),
    token.readOnly ? "read-only" : "full",
    token.expiresAt === null ? "never" : new Date(token.expiresAt).toISOString(),
    token.description,
  ]);
  return asTable(["ID", "STATE", "ACCESS", "EXPIRES", "DESCRIPTION"], rows);
}

function stateOf(token: AccessToken): string {
  if (token.revokedAt !== null) return "revoked";
  return token.expiresAt !== null && token.expiresAt <= systemClock.now() ? "expired" : "live";
}
