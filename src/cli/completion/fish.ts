import type { Flag, Place, Value } from "./tree.ts";

/** A script for fish 3 and newer. */
export function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ at, commands, flags, argument }) => {
    const here = `complete -c rollcall -n ${quoted(`__rollcall_is "${at}"`)}`;
    return [
      ...commands.map(({ name, about }) => `${here} -a ${name} -d ${quoted(about)}`),
      ...flags.map(
        (flag) =>
          `${here} ${spelling(flag)} -d ${quoted(flag.about)}${flag.value === null ? "" : reply(flag.value)}`,
      ),
      ...(argument === null || argument.kind === "anything" ? [] : [`${here}${reply(argument)}`]),
    ];
  });
  return `# fish completion for rollcall: rollcall completion fish | source
function __rollcall_is
    set -l at ""
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case ${places
              .slice(1)
              .map(({ at }) => quoted(at))
              .join(" ")}
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c rollcall -f
${lines.join("\n")}`;
}

function spelling({ names }: Flag): string {
  return names
    .map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
    .join(" ");
}

function reply(value: Value): string {
  if (value.kind === "words") return ` -x -a ${quoted(value.words.join(" "))}`;
  if (value.kind === "anything") return " -x";
  return value.kind === "file" ? " -r -F" : " -x -a '(__fish_complete_directories)'";
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
