import { type Place, type Value, valuesBy } from "./tree.ts";

/** A script for bash 4 and newer that needs no other completion package. */
export function bashScript(places: readonly Place[]): string {
  const either = (words: readonly string[]) => words.map((word) => `"${word}"`).join("|");
  const values = valuesBy(places, reply).map(
    ([action, after]) => `    ${either(after)}) ${action}; return ;;`,
  );
  const words = places.map(({ at, commands, flags, argument }) => {
    const known = [...commands.map(({ name }) => name), ...flags.flatMap(({ names }) => names)];
    const more =
      argument === null || argument.kind === "anything"
        ? ""
        : `[[ $cur == -* ]] || { ${reply(argument)}; return; }; `;
    return `    "${at}") ${more}COMPREPLY=($(compgen -W "${known.join(" ")}" -- "$cur")) ;;`;
  });
  return `# bash completion for rollcall: source <(rollcall completion bash)
_rollcall() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" at="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${either(places.slice(1).map(({ at }) => at))}) at+=" \${COMP_WORDS[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$at \${COMP_WORDS[COMP_CWORD - 1]}" in
${values.join("\n")}
  esac
  case "$at" in
${words.join("\n")}
  esac
}
complete -F _rollcall rollcall`;
}

function reply(value: Value): string {
  if (value.kind === "words") return `COMPREPLY=($(compgen -W "${value.words.join(" ")}" -- "$cur"))`;
  if (value.kind === "anything") return ":";
  return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -${value.kind === "file" ? "f" : "d"} -- "$cur")`;
}
