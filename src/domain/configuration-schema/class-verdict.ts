import type { ClassSetting } from "../environment-classes/environment-class.ts";
import { type ConfigurationSchema, type Matcher, settingError } from "./schema.ts";

/** What is wrong with an environment class, for people; an absent key and an empty list: nothing. */
export interface ClassVerdict {
  readonly displayNameError?: string;
  readonly descriptionError?: string;
  readonly configurationErrors: readonly { readonly key: string; readonly error: string }[];
}

/** What is to be checked: nothing of it was checked before, the rules of the contract neither. */
export interface CheckedClass {
  readonly displayName: string;
  readonly description: string;
  readonly configuration: readonly ClassSetting[];
}

const [nameLengths, descriptionLengths] = [
  { min: 3, max: 127 },
  { min: 3, max: 200 },
];
/** Most settings of a class, most errors that a verdict names, longest key and value: all in characters but the first two. */
const [settingsAtMost, errorsAtMost, keyAtMost, valueAtMost] = [100, 100, 128, 1024];

/** Judges an environment class by the runner's schema, as far as that takes no runner. */
export function judgeClass(asked: CheckedClass, schema: ConfigurationSchema, matches: Matcher): ClassVerdict {
  const displayNameError = lengthError(asked.displayName, nameLengths);
  const descriptionError = lengthError(asked.description, descriptionLengths);
  return {
    ...(displayNameError !== null && { displayNameError }),
    ...(descriptionError !== null && { descriptionError }),
    configurationErrors: configurationErrors(asked.configuration, schema, matches).slice(0, errorsAtMost),
  };
}

/** Whether a verdict finds nothing wrong. */
export function isValidClass(verdict: ClassVerdict): boolean {
  const { displayNameError, descriptionError, configurationErrors: errors } = verdict;
  return displayNameError === undefined && descriptionError === undefined && errors.length === 0;
}

function configurationErrors(
  settings: readonly ClassSetting[],
  schema: ConfigurationSchema,
  matches: Matcher,
): ClassVerdict["configurationErrors"] {
  if (settings.length > settingsAtMost) {
    return [{ key: "", error: `must have at most ${settingsAtMost} settings` }];
  }
  const known = new Map(schema.environmentClass.map((setting) => [setting.id, setting]));
  const seen = new Set<string>();
  const errors: { key: string; error: string }[] = [];
  for (const { key, value } of settings) {
    const setting = known.get(key);
    const wrong = (error: string) => errors.push({ key: key.slice(0, keyAtMost), error });
    if (key === "" || key.length > keyAtMost) wrong(`must have a key of 1 to ${keyAtMost} characters`);
    else if (seen.has(key)) wrong("is there twice");
    else if (value.length > valueAtMost) wrong(`must have at most ${valueAtMost} characters`);
    else if (setting === undefined) {
      if (schema.reported) wrong("is no setting of this runner");
    } else if (value !== "" || setting.required) {
      const error = value === "" ? "is required" : settingError(setting, value, matches);
      if (error !== null) wrong(error);
    }
    seen.add(key);
  }
  const missing = schema.environmentClass.filter(({ id, required }) => required && !seen.has(id));
  return [...errors, ...missing.map(({ id }) => ({ key: id, error: "is required" }))];
}

function lengthError(
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): string | null {
  const { length } = Array.from(text.slice(0, 2 * max + 2));
  return length >= min && length <= max ? null : `must have ${min} to ${max} characters`;
}
