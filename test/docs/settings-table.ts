import type { Setting } from "../../src/config/setting.ts";
import { groups, variableOf } from "../../src/config/settings-table.ts";

/** The tables of flags and variables that docs/settings.md shows, one for each group. */
export function settingsTables(): string {
  return groups
    .map(({ title, about, settings }) =>
      [
        `## ${title}`,
        "",
        ...(about === "" ? [] : [about, ""]),
        "| flag | variable | default | range | what it sets |",
        "| --- | --- | --- | --- | --- |",
        ...settings.map(rowOf),
      ].join("\n"),
    )
    .join("\n\n");
}

function rowOf({ flag, value, help, range, fallback, isSecret }: Setting): string {
  const cells = [
    isSecret ? "(no flag: it would show in process lists)" : `\`--${flag} ${value}\``,
    `\`${variableOf(flag)}\``,
    fallback === "" ? "" : `\`${fallback}\``,
    range,
    help,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
