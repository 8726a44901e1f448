import { homedir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import {
  type AgentEnd,
  AgentEndError,
  type AgentProtocol,
  agentProtocols,
  agentVersion,
  commandHooks,
  hostDetails,
  openConnection,
  runAgent,
  sendsTokensInClear,
} from "../agent/index.ts";
import { createLog } from "../telemetry/logger.ts";
import { capability, type InfoPair, info, region, seconds, serverUrl } from "./agent-flags.ts";
import { CommandEnded } from "./ended.ts";
import type { Terminal } from "./terminal.ts";

const about = `
Bootstraps the runner with its exchange token, once, and then answers the roll call until SIGTERM or SIGINT, which
sign it off. The access token and the key pair stay in the state folder, so that restarts need no new token; the
token file may be removed then. Another token in it bootstraps anew.

Commands run in a shell. --on-spec gets one line of JSON on standard input: runnerId, revision, paused, spec; the
environment has ROLLCALL_RUNNER_ID, ROLLCALL_SPEC_REVISION and ROLLCALL_PAUSED. It also runs once after each start.
A command that fails makes the runner DEGRADED, with the last line that it printed.

--on-question gets one line of JSON: a Question of rollcall.v1, with the credentials opened. It prints the answer as JSON, such as
{"error":{"code":5,"message":"no such repository"}}, or nothing: then the agent asks the host itself, which it can for
GitHub, GitLab, Bitbucket Cloud and Azure DevOps. It asks the hosts of the runner's integrations alone, by https.

Exit codes: 0 signed off, or wound down before deletion; 10 token expired; 11 token revoked; 12 token unknown;
13 exchange token refused; 14 runner deleted; 15 a newer agent of this runner took over; 16 token of another runner;
17 not a runner's token; 18 the server does not speak the protocol; 19 state folder in use; 20 state folder, token
file, certificate files or proxy variable unusable; 21 the server wants a client certificate; 2 wrong words; 1 anything else. Only 1 is
worth a restart without a person.

HTTPS_PROXY (for https), HTTP_PROXY (for http) and NO_PROXY are obeyed, in lower case too: the agent opens a tunnel with
CONNECT. Without --ca, it trusts Node's own list of authorities, NODE_EXTRA_CA_CERTS, and the file that SSL_CERT_FILE names.

--ca, --client-cert and --client-key are read again for every connection, so that renewed files are used by themselves.

Examples:
  rollcall agent --server http://127.0.0.1:7655 --token-file token
  rollcall agent --server https://rollcall.example --token-file /etc/rollcall/token --state-dir /var/lib/rollcall-agent \\
    --capability agent-execution --region eu-central-1 --info rack=b12 --on-spec ./apply.sh --health ./healthy.sh
`;

interface AgentFlags {
  readonly server: URL;
  readonly tokenFile: string;
  readonly stateDir: string;
  readonly protocol: AgentProtocol;
  readonly ca?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
  readonly capability: readonly number[];
  readonly region?: string;
  readonly info: readonly InfoPair[];
  readonly onSpec?: string;
  readonly onSpecTimeout: number;
  readonly health?: string;
  readonly healthTimeout: number;
  readonly onWindDown?: string;
  readonly onQuestion?: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** `rollcall agent`: runs until it is told to stop. @throws CommandEnded from its action, with the exit code of the agent's end */
export function agentCommand(terminal: Terminal): Command {
  return new Command("agent")
    .description("run the agent of one runner on this machine")
    .addOption(
      new Option("--server <URL>", "address of the server").argParser(serverUrl).makeOptionMandatory(),
    )
    .requiredOption("--token-file <FILE>", "file with the runner's exchange token")
    .option(
      "--state-dir <DIR>",
      "what the agent keeps, one folder for each runner",
      defaultStateDir(terminal),
    )
    .addOption(new Option("--protocol <NAME>", "what to speak").choices(agentProtocols).default("grpc"))
    .option("--ca <FILE>", "PEM file with the authorities to trust, and no others")
    .option("--client-cert <FILE>", "PEM file with the certificate to show to a server that asks for one")
    .option("--client-key <FILE>", "PEM file with its private key")
    .addOption(
      new Option("--capability <NAME>", "what the runner can do; repeatable")
        .argParser(capability)
        .default([], "none"),
    )
    .option("--region <NAME>", "where the runner runs, in its provider's words", region)
    .addOption(
      new Option("--info <KEY=VALUE>", "fact for people and tools; repeatable")
        .argParser(info)
        .default([], "none"),
    )
    .option("--on-spec <CMD>", "command that puts a wanted spec into force")
    .addOption(
      new Option("--on-spec-timeout <SECONDS>", "how long it may take")
        .argParser(seconds)
        .default(60_000, "60"),
    )
    .option("--health <CMD>", "command that fails while the runner is not well, run with every renewal")
    .addOption(
      new Option("--health-timeout <SECONDS>", "how long it may take")
        .argParser(seconds)
        .default(10_000, "10"),
    )
    .option("--on-wind-down <CMD>", "command that finishes what runs here, before the runner is deleted")
    .option("--on-question <CMD>", "command that answers questions about source-code hosts")
    .addOption(
      new Option("--log-level <LEVEL>", "what to log")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .addHelpText("after", about)
    .action(async (flags: AgentFlags, command: Command) => {
      if ((flags.clientCert === undefined) !== (flags.clientKey === undefined))
        command.error("error: --client-cert and --client-key go together");
      const end = await run(flags, terminal);
      if (end.exitCode !== 0) {
        throw new CommandEnded(`rollcall agent: ${end.message} (exit code ${end.exitCode})`, end.exitCode);
      }
      terminal.print(end.message);
    });
}

async function run(flags: AgentFlags, terminal: Terminal): Promise<AgentEnd> {
  const log = createLog(flags.logLevel, terminal.isTerminal, terminal.errorOutput);
  if (sendsTokensInClear(flags.server))
    log.warn({}, "http: the runner's tokens cross the network in clear; use https");
  const stop = new AbortController();
  void terminal.stopRequested().then(() => stop.abort());
  try {
    return await runAgent({
      tokenFile: flags.tokenFile,
      stateDir: flags.stateDir,
      connection: openConnection({
        server: flags.server,
        protocol: flags.protocol,
        environment: terminal.environment,
        ...(flags.ca !== undefined && { caFile: flags.ca }),
        ...clientCertificate(flags),
      }),
      facts: {
        version: agentVersion(),
        systemDetails: hostDetails(agentVersion()),
        ...(flags.region !== undefined && { region: flags.region }),
        capabilities: flags.capability,
        additionalInfo: flags.info,
      },
      hooks: commandHooks({
        specTimeoutMs: flags.onSpecTimeout,
        healthTimeoutMs: flags.healthTimeout,
        ...(flags.onSpec !== undefined && { onSpec: flags.onSpec }),
        ...(flags.health !== undefined && { health: flags.health }),
        ...(flags.onWindDown !== undefined && { onWindDown: flags.onWindDown }),
        ...(flags.onQuestion !== undefined && { onQuestion: flags.onQuestion }),
      }),
      stop: stop.signal,
      log,
    });
  } catch (error) {
    if (error instanceof AgentEndError) return error.end;
    throw error;
  }
}

function clientCertificate({ clientCert, clientKey }: AgentFlags) {
  if (clientCert === undefined || clientKey === undefined) return {};
  return { clientCertificate: { certFile: clientCert, keyFile: clientKey } };
}

/** By the XDG base directory specification: state that should survive restarts. */
function defaultStateDir({ environment }: Terminal): string {
  return join(environment.XDG_STATE_HOME || join(homedir(), ".local", "state"), "rollcall-agent");
}
