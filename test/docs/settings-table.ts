import { settings, variableOf } from "../../src/config/settings-table.ts";

/** The table of flags and variables that README shows. */
export function settingsTable(): string {
  const rows = settings.map((setting) => {
    const flag =
      "secret" in setting
        ? "(no flag: it would show in process lists)"
        : `\`--${setting.flag} ${setting.value}\``;
    const fallback = setting.fallback === "" ? "" : `\`${setting.fallback}\``;
    const cells = [flag, `\`${variableOf(setting.flag)}\``, fallback, setting.help];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return ["| flag | variable | default | what it sets |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
