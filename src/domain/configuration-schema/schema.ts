import { invalidField } from "../errors.ts";

/** What can be configured on a runner, as far as the server judges by it. */
export interface ConfigurationSchema {
  /** Whether the runner said so itself; only then are settings refused that it does not name. */
  readonly reported: boolean;
  readonly environmentClass: readonly Setting[];
  readonly scm: readonly ScmKind[];
}

/** One setting of an environment class. */
export interface Setting {
  readonly id: string;
  readonly required: boolean;
  readonly type: SettingType;
}

export type SettingType =
  /** An empty pattern takes any text. */
  | { readonly kind: "string"; readonly pattern: string }
  | { readonly kind: "bool" }
  /** Both bounds are inclusive. */
  | { readonly kind: "int"; readonly min: number; readonly max: number }
  | { readonly kind: "enum"; readonly titles: readonly string[] }
  /** Shown, and not entered; or of a kind that this version does not know. */
  | { readonly kind: "other" };

/** One kind of source-code host, and what it offers to sign in with. */
export interface ScmKind {
  readonly id: string;
  readonly oauth: boolean;
  readonly pat: boolean;
}

/** The longest schema that a runner may report, in bytes of protobuf. */
export const schemaAtMost = 65_536;

/** Whether a text matches a regular expression that a runner gave; null when that could not be found out. */
export type Matcher = (pattern: string, text: string) => boolean | null;

/** What is wrong with the text of one setting, for people; null when nothing is. */
export function settingError({ type }: Setting, text: string, matches: Matcher): string | null {
  switch (type.kind) {
    case "string":
      return type.pattern !== "" && matches(type.pattern, text) === false
        ? `must match ${type.pattern}`
        : null;
    case "bool":
      return text === "true" || text === "false" ? null : "must be true or false";
    case "int": {
      const isInside = /^-?\d{1,10}$/.test(text) && Number(text) >= type.min && Number(text) <= type.max;
      return isInside ? null : `must be a whole number from ${type.min} to ${type.max}`;
    }
    case "enum":
      return type.titles.includes(text) ? null : "must be one of the choices that the runner offers";
    case "other":
      return null;
    default:
      return type satisfies never;
  }
}

/** @throws DomainError `invalid` for a setting that a runner which said what it has does not name */
export function refuseUnknownSettings(
  { reported, environmentClass }: ConfigurationSchema,
  settings: readonly { readonly key: string }[],
): void {
  if (!reported) return;
  const known = new Set(environmentClass.map(({ id }) => id));
  const at = settings.findIndex(({ key }) => !known.has(key));
  if (at === -1) return;
  const rule = "environment_class.configuration.key.known";
  throw invalidField(`configuration[${at}].key`, rule, "is no setting of this runner");
}
