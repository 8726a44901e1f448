import { Argument, Command } from "commander";
import { bashScript } from "./completion/bash.ts";
import { fishScript } from "./completion/fish.ts";
import { placesOf } from "./completion/tree.ts";
import { zshScript } from "./completion/zsh.ts";
import type { Terminal } from "./terminal.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

const about = `
Examples:
  source <(rollcall completion bash)                # in ~/.bashrc
  source <(rollcall completion zsh)                 # in ~/.zshrc, after compinit
  rollcall completion fish > ~/.config/fish/completions/rollcall.fish
`;

/** `rollcall completion`: a script that completes words in a shell, made of the program's own commands. */
export function completionCommand(terminal: Terminal): Command {
  return new Command("completion")
    .description("print a script that completes rollcall's words in your shell")
    .addArgument(new Argument("<SHELL>", "which shell").choices(Object.keys(scripts)))
    .addHelpText("after", about)
    .action((shell: keyof typeof scripts, _options: object, command: Command) => {
      terminal.print(scripts[shell](placesOf(rootOf(command))));
    });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
