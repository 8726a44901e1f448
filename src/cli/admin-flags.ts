import { type Command, InvalidArgumentError, Option } from "commander";
import { outputs } from "./admin-output.ts";

/** What the help of each command of an operator ends with. */
export const about = `
Speaks to a running server, here or elsewhere, as an operator: an admin of the organization that the server's first
start made. Without --token-file it takes the token that a server on this machine left in its data folder.
NODE_EXTRA_CA_CERTS names a file with further authorities to trust.

Examples:
  rollcall admin organizations create --name acme --admin-name Ada --admin-email ada@acme.example
  rollcall admin users create --name Bob --email bob@acme.example --organization 019ab3c2-6f0e-7a10-8d2b-5a4f1c7e9b00
  rollcall admin users token 019ab3c2-7a11-7c44-9c1e-3f0b7a2e6d10 --days 7 --read-only
  rollcall admin runner-managers create --name rack-7
  rollcall admin gateways create --name eu --url https://gw.eu.example --region eu-central-1
  rollcall admin incidents acknowledge RUNNER_PROVIDER_AWS_EC2
  rollcall admin keys rotate
  rollcall admin environment-classes list --runner 019ab3c2-8d10-7f3e-b2a4-6c1e5d9f0a37 -o json
  rollcall admin users list --output json --server https://rollcall.example --token-file operator-token
`;

/** Gives a command the flags that every command of an operator has. */
export function speaking(command: Command): Command {
  return command
    .option("--server <URL>", "address of the server [ROLLCALL_URL, default http://127.0.0.1:7655]")
    .option("--token-file <FILE>", "file with an operator's token [ROLLCALL_TOKEN_FILE]")
    .addOption(new Option("-o, --output <FORMAT>", "how to print").choices(outputs).default("table"))
    .addHelpText("after", about);
}

/** Gives a command the flag that names an organization. @param fallback what holds without it */
export function inOrganization(command: Command, fallback: string): Command {
  return command.option("--organization <ID>", `id of the organization (default: ${fallback})`);
}

/** @throws InvalidArgumentError unless it is a number of days from 1 to 90 */
export function wholeDays(text: string): number {
  const days = Number(text);
  if (!/^\d{1,2}$/.test(text) || days < 1 || days > 90) {
    throw new InvalidArgumentError("It must be a whole number from 1 to 90.");
  }
  return days;
}
