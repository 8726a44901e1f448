import { parseArgs } from "node:util";

/** What `npm run bench` is told. */
export interface BenchOptions {
  readonly rounds: number;
  /** Seconds that each row is counted in each round. */
  readonly seconds: number;
  /** Rows whose label matches are measured. */
  readonly only: RegExp;
  /** Runners in the list whose pages are compared. */
  readonly listRunners: number;
  /** Whether the report is copied to bench/results. */
  readonly save: boolean;
}

export const usage = `npm run bench -- [options]

  --rounds N       rounds, all rows in turns in each; the report has their medians (5)
  --seconds S      how long each row is counted in a round (1)
  --only REGEX     measure only rows whose label matches
  --list-runners N runners in the list whose pages are compared (130000)
  --quick          every row for a moment, once: proves that the bench works, its numbers say little
  --save           copy the report to bench/results as well
`;

/** @returns null when help was asked for @throws Error for the command line */
export function readOptions(args: string[]): BenchOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string", default: "" },
      "list-runners": { type: "string" },
      quick: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const [rounds, seconds, listRunners] = values.quick ? ["1", "0.1", "2500"] : ["5", "1", "130000"];
  return {
    rounds: positive("rounds", values.rounds ?? rounds),
    seconds: positive("seconds", values.seconds ?? seconds),
    only: new RegExp(values.only),
    listRunners: positive("list-runners", values["list-runners"] ?? listRunners),
    save: values.save,
  };
}

function positive(name: string, value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new Error(`--${name} must be a number above 0, not "${value}"`);
  return number;
}
