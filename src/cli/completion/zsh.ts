import { type Place, type Value, valuesBy } from "./tree.ts";

/** A script for zsh: sourced after compinit, or as the file _rollcall in a folder of $fpath. */
export function zshScript(places: readonly Place[]): string {
  const either = (words: readonly string[]) => words.map(quoted).join("|");
  const values = valuesBy(places, reply).map(
    ([action, after]) => `    ${either(after)}) ${action}; return ;;`,
  );
  const words = places.map(({ at, commands, flags, argument }) => {
    const told = [
      ...commands.map(({ name, about }) => described(name, about)),
      ...flags.flatMap(({ names, about }) => names.map((name) => described(name, about))),
    ];
    const more =
      argument === null || argument.kind === "anything"
        ? ""
        : `[[ $PREFIX == -* ]] || { ${reply(argument)}; return }; `;
    return `    ${quoted(at)}) ${more}known=(${told.join(" ")}) ;;`;
  });
  return `#compdef rollcall
# zsh completion for rollcall: source <(rollcall completion zsh), after compinit
_rollcall() {
  local at="" i
  local -a known
  for ((i = 2; i < CURRENT; i++)); do
    case "$at $words[i]" in
      ${either(places.slice(1).map(({ at }) => at))}) at+=" $words[i]" ;;
    esac
  done
  case "$at $words[CURRENT-1]" in
${values.join("\n")}
  esac
  case "$at" in
${words.join("\n")}
  esac
  _describe 'rollcall' known
}
if [[ "\${funcstack[1]}" == _rollcall ]]; then _rollcall "$@"; else compdef _rollcall rollcall; fi`;
}

function reply(value: Value): string {
  if (value.kind === "words") return `compadd -- ${value.words.join(" ")}`;
  if (value.kind === "anything") return "_message value";
  return value.kind === "file" ? "_files" : "_files -/";
}

/** `_describe` takes a colon for the end of the name. */
function described(name: string, about: string): string {
  return quoted(`${name.replaceAll(":", "\\:")}:${about}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
