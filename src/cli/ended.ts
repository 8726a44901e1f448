/** A command that did what it was for, and has something to tell by its exit code: its message is the line to print. */
export class CommandEnded extends Error {
  override readonly name = "CommandEnded";
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
