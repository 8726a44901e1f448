/** How long the runner may take to say what it found, in milliseconds. */
const graceMs = 5_000;

/** After the last test file. Something that is still open must not keep a run from ending, nor pass unseen. */
export default function endOfRun(): void {
  setTimeout(() => {
    process.stderr.write(`still open after the tests: ${process.getActiveResourcesInfo().join(", ")}\n`);
    process.exit(1);
  }, graceMs).unref();
}
