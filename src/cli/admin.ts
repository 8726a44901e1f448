import { Command } from "commander";
import { type AdminApi, type Answer, type ApiOptions, adminApi } from "./admin-api.ts";
import { about, inOrganization, speaking, wholeDays } from "./admin-flags.ts";
import { answerText, type Column, listText, type Output } from "./admin-output.ts";
import type { Terminal } from "./terminal.ts";

type Flags = ApiOptions & { readonly output: Output } & Readonly<Record<string, unknown>>;

/** `rollcall admin`: what operators do, over the API. */
export function adminCommand(terminal: Terminal): Command {
  const group = (name: string, what: string, ...commands: readonly Command[]) => {
    const command = new Command(name).description(what).addHelpText("after", about);
    for (const each of commands) command.addCommand(each);
    return command;
  };
  const list = (
    what: string,
    method: string,
    field: string,
    columns: readonly Column[],
    request: (flags: Flags, api: AdminApi) => Promise<object> = async ({ organization }) => ({
      organizationId: organization,
    }),
  ) =>
    speaking(new Command("list").description(what)).action(async (flags: Flags) => {
      const api = adminApi(flags, terminal);
      const entries = await api.all(method, await request(flags, api), field);
      terminal.print(listText(entries, columns, flags.output));
    });
  /** What is set up on runners: all of it, or that of one. */
  const ofRunners = (
    ...[name, what, listed, method, field, columns]: [string, string, string, string, string, Column[]]
  ) =>
    group(
      name,
      what,
      list(
        listed,
        `gitpod.v1.RunnerConfigurationService/${method}`,
        field,
        [["ID", "id"], ["RUNNER", "runnerId"], ...columns],
        async ({ runner }) => ({
          filter:
            field === "tokens" ? { runnerId: runner } : { runnerIds: runner === undefined ? [] : [runner] },
        }),
      ).option("--runner <ID>", "id of the runner (default: every runner that the token sees)"),
    );
  const change = (command: Command, method: string, request: (flags: Flags, id: string) => object) =>
    speaking(command).action(async (...given: unknown[]) => {
      const id = typeof given[0] === "string" ? given[0] : "";
      const flags = given.find((value): value is Flags => typeof value === "object" && value !== null);
      if (flags === undefined) throw new Error("commander passes the flags last but one");
      const answer = await adminApi(flags, terminal).call(method, request(flags, id));
      terminal.print(answerText(answer, flags.output));
    });
  const byId = (name: string, what: string, method: string, field: string) =>
    change(new Command(name).description(what).argument("<ID>"), method, (_flags, id) => ({ [field]: id }));
  const created = (what: string) => new Command("create").description(what);

  return group(
    "admin",
    "manage organizations, users, runner managers, gateways, incidents and keys, and list what is set up on runners",
    group(
      "organizations",
      "the tenants of the server",
      list("list organizations", "ListOrganizations", "organizations", [
        ["ID", "id"],
        ["NAME", "name"],
        ["CREATED", "createdAt"],
      ]),
      change(
        created("make an organization with its first admin, and print the admin's token once")
          .requiredOption("--name <NAME>", "name of the organization")
          .requiredOption("--admin-name <NAME>", "name of its first admin")
          .requiredOption("--admin-email <EMAIL>", "email of its first admin"),
        "CreateOrganization",
        ({ name, adminName, adminEmail }) => ({ name, adminName, adminEmail }),
      ),
    ),
    group(
      "users",
      "people",
      inOrganization(
        list("list users, newest first", "ListUsers", "users", [
          ["ID", "id"],
          ["STATUS", "status"],
          ["NAME", "name"],
          ["EMAIL", "email"],
          ["ORGANIZATION", "organizationId"],
        ]),
        "every organization",
      ),
      change(
        inOrganization(created("add a user"), "the operator's own")
          .requiredOption("--name <NAME>", "name of the user")
          .requiredOption("--email <EMAIL>", "email, unique in the organization")
          .option("--avatar-url <URL>", "where a picture is")
          .option("--admin", "make an admin of the organization"),
        "CreateUser",
        ({ organization, name, email, avatarUrl, admin }) => ({
          organizationId: organization,
          name,
          email,
          avatarUrl,
          organizationAdmin: admin,
        }),
      ),
      change(
        new Command("token")
          .description("mint a token for a user and print it once")
          .argument("<ID>", "id of the user")
          .option("--description <TEXT>", "what it is for", "")
          .option("--days <DAYS>", "expires after so many days, at most 90", wholeDays, 90)
          .option("--read-only", "allow only methods that change nothing"),
        "CreateUserToken",
        ({ description, days, readOnly }, userId) => ({
          userId,
          description,
          validFor: `${Number(days) * 24 * 60 * 60}s`,
          readOnly,
        }),
      ),
      byId("suspend", "bar a user: its tokens are refused at once", "SuspendUser", "userId"),
      byId("resume", "let a suspended user act again", "ResumeUser", "userId"),
    ),
    group(
      "members",
      "who belongs to the organization of the token",
      list(
        "list members, those who joined last first",
        "gitpod.v1.OrganizationService/ListMembers",
        "members",
        [
          ["ID", "userId"],
          ["STATUS", "status"],
          ["ROLE", "role"],
          ["NAME", "fullName"],
          ["EMAIL", "email"],
        ],
        async (_flags, api) => {
          const { user } = await api.call("gitpod.v1.UserService/GetAuthenticatedUser", {});
          return { organizationId: (user as Answer | undefined)?.organizationId };
        },
      ),
    ),
    ofRunners(
      "environment-classes",
      "machines that environments can be made on",
      "list environment classes, newest first",
      "ListEnvironmentClasses",
      "environmentClasses",
      [
        ["NAME", "displayName"],
        ["ENABLED", "enabled"],
      ],
    ),
    ofRunners(
      "scm-integrations",
      "source-code hosts of runners",
      "list SCM integrations, newest first",
      "ListSCMIntegrations",
      "integrations",
      [
        ["KIND", "scmId"],
        ["HOST", "host"],
        ["TOKENS", "pat"],
      ],
    ),
    ofRunners(
      "llm-integrations",
      "language models of runners",
      "list LLM integrations, newest first",
      "ListLLMIntegrations",
      "integrations",
      [
        ["PHASE", "phase"],
        ["ENDPOINT", "endpoint"],
      ],
    ),
    ofRunners(
      "host-tokens",
      "credentials for source-code hosts",
      "list what is known of host authentication tokens, newest first",
      "ListHostAuthenticationTokens",
      "tokens",
      [
        ["HOST", "host"],
        ["SOURCE", "source"],
        ["EXPIRES", "expiresAt"],
      ],
    ),
    group(
      "service-accounts",
      "programs",
      byId("suspend", "bar a service account at once", "SuspendServiceAccount", "serviceAccountId"),
      byId("resume", "let it act again", "ResumeServiceAccount", "serviceAccountId"),
    ),
    group(
      "runner-managers",
      "machines that start and stop MANAGED runners",
      inOrganization(
        list("list runner managers, newest first", "ListRunnerManagers", "runnerManagers", [
          ["ID", "id"],
          ["NAME", "name"],
          ["ORGANIZATION", "organizationId"],
          ["CREATED", "createdAt"],
        ]),
        "every organization",
      ),
      change(
        inOrganization(created("make a runner manager"), "the operator's own").requiredOption(
          "--name <NAME>",
          "name of the machine",
        ),
        "CreateRunnerManager",
        ({ organization, name }) => ({ organizationId: organization, name }),
      ),
      byId("delete", "remove a manager that has no runner", "DeleteRunnerManager", "runnerManagerId"),
    ),
    group(
      "gateways",
      "relays between clients and runners",
      inOrganization(
        list("list gateways, newest first", "ListGateways", "gateways", [
          ["ID", "id"],
          ["NAME", "name"],
          ["URL", "url"],
          ["REGION", "region"],
          ["ORGANIZATION", "organizationId"],
        ]),
        "every organization",
      ),
      change(
        inOrganization(created("add a gateway"), "the operator's own")
          .requiredOption("--name <NAME>", "name, unique in the organization")
          .requiredOption("--url <URL>", "where runners connect to")
          .option("--region <REGION>", "where it stands"),
        "CreateGateway",
        ({ organization, name, url, region }) => ({ organizationId: organization, name, url, region }),
      ),
      byId("delete", "remove a gateway", "DeleteGateway", "gatewayId"),
    ),
    group(
      "incidents",
      "many runners of a provider that lapsed at once",
      change(
        new Command("acknowledge")
          .description("end the incident: these runners really are gone, and no network is to be mended")
          .argument("<PROVIDER>", "of the runners, such as RUNNER_PROVIDER_AWS_EC2"),
        "AcknowledgeIncident",
        (_flags, provider) => ({ provider }),
      ),
    ),
    group(
      "keys",
      "keys that sign what other systems verify",
      list("list the published keys, newest first", "ListSigningKeys", "signingKeys", [
        ["ID", "id"],
        ["STATE", "state"],
        ["SIGNS FROM", "activeFrom"],
        ["UNTIL", "retiredAt"],
      ]),
      change(
        new Command("rotate")
          .description("make a new key: published now, signing in an hour")
          .option(
            "--compromised",
            "somebody else knows the present keys: withdraw them, sign with the new one now",
          ),
        "RotateSigningKey",
        ({ compromised }) => ({ compromised }),
      ),
    ),
  );
}
