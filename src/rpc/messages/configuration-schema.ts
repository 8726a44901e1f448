import { clone, create, fromBinary, isMessage, toBinary } from "@bufbuild/protobuf";
import {
  type RunnerConfigurationSchema,
  type RunnerConfigurationSchema_Field,
  RunnerConfigurationSchemaSchema,
  RunnerConfigurationSchema_EnumField_ValueSchema as ValueSchema,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  type ConfigurationSchema,
  type SettingType,
  schemaAtMost,
} from "../../domain/configuration-schema/schema.ts";
import { invalidField } from "../../domain/errors.ts";

/**
 * The bytes to keep of what a runner said, its texts cleaned.
 * @throws DomainError `invalid` for more than are kept
 */
export function schemaBytes(
  sent: RunnerConfigurationSchema,
  cleaned: (field: string, text: string) => string,
): Uint8Array {
  const schema = clone(RunnerConfigurationSchemaSchema, sent);
  cleanTexts(schema, (text) => cleaned("schema", text));
  const bytes = toBinary(RunnerConfigurationSchemaSchema, schema);
  if (bytes.length <= schemaAtMost) return bytes;
  const message = `must have at most ${schemaAtMost} bytes`;
  throw invalidField("status.schema", "agent.schema.max_bytes", message);
}

/** Cleans every text of a message and of those inside of it, in place. */
function cleanTexts(value: unknown, clean: (text: string) => string): void {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  for (const [key, inside] of Object.entries(value)) {
    if (key.startsWith("$") || key === "case") continue;
    if (typeof inside === "string") Reflect.set(value, key, clean(inside));
    else cleanTexts(inside, clean);
  }
}

/** The schema in force: what the runner said, else the one that is built in. @param kept null: it said nothing yet */
export function schemaMessage(kept: Uint8Array | null): RunnerConfigurationSchema {
  if (kept === null) return builtIn();
  const schema = fromBinary(RunnerConfigurationSchemaSchema, kept);
  for (const { type } of [...schema.runnerConfig, ...schema.environmentClasses]) {
    if (type.case !== "enum") continue;
    const { value } = type;
    // The fields that were replaced go on to be filled for clients that know no others, and the other way round.
    if (value.possibleValues.length === 0) {
      value.possibleValues = value.values.map((title) => create(ValueSchema, { title }));
    }
    if (value.defaultValue === undefined && value.default !== "") {
      value.defaultValue = create(ValueSchema, { title: value.default });
    }
    value.values = value.possibleValues.map(({ title }) => title);
    value.default = value.defaultValue?.title ?? "";
  }
  return schema;
}

/** A schema as the server judges by it. @param reported whether it is the runner's own */
export function schemaOf(schema: RunnerConfigurationSchema, reported: boolean): ConfigurationSchema {
  return {
    reported,
    environmentClass: schema.environmentClasses.map(({ id, required, type }) => ({
      id,
      required,
      type: settingType(type),
    })),
    scm: schema.scm.map(({ scmId: id, oauth, pat }) => ({
      id,
      // Where a browser returns to is the runner's to say, so that the built-in schema cannot offer it and still takes it.
      oauth: !reported || isMessage(oauth),
      pat: isMessage(pat),
    })),
  };
}

function settingType(type: RunnerConfigurationSchema_Field["type"]): SettingType {
  switch (type.case) {
    case "string":
      return { kind: "string", pattern: type.value.pattern };
    case "bool":
      return { kind: "bool" };
    case "int":
      return { kind: "int", min: type.value.min, max: type.value.max };
    case "enum":
      return { kind: "enum", titles: type.value.possibleValues.map(({ title }) => title) };
    default:
      return { kind: "other" };
  }
}

/** What runners can be connected to that said nothing of it: five kinds of hosts, with tokens that users made there. */
function builtIn(): RunnerConfigurationSchema {
  const kind = (scmId: string, name: string, host: string | null, docsLink: string) => ({
    scmId,
    name,
    defaultHosts: host === null ? [] : [host],
    pat: { description: `A personal access token of ${name}`, docsLink },
  });
  const azure =
    "https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate";
  return create(RunnerConfigurationSchemaSchema, {
    version: "builtin-1",
    scm: [
      kind("github", "GitHub", "github.com", "https://github.com/settings/tokens"),
      kind("gitlab", "GitLab", "gitlab.com", "https://docs.gitlab.com/user/profile/personal_access_tokens/"),
      kind(
        "bitbucket",
        "Bitbucket",
        "bitbucket.org",
        "https://support.atlassian.com/bitbucket-cloud/docs/api-tokens/",
      ),
      kind("azuredevops_entra", "Azure DevOps", "dev.azure.com", azure),
      kind("azuredevops_server", "Azure DevOps Server", null, azure),
    ],
  });
}
