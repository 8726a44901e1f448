/** What goes wrong, and when. */
export interface Fault {
  readonly kind: (typeof faultKinds)[number];
  /** Percent, seconds or milliseconds, by kind. */
  readonly amount: number;
  /** Seconds from the start of the measurement. */
  readonly at: number;
}

const faultKinds = ["kill", "cut", "restart", "stall", "slow"] as const;

/** @throws Error that names what cannot be read */
export function parseFaults(list: string): readonly Fault[] {
  return list
    .split(",")
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [, name, amount, at] = /^(\w+):(\d+(?:\.\d+)?)@(\d+(?:\.\d+)?)$/.exec(entry) ?? [];
      const kind = faultKinds.find((known) => known === name);
      if (kind === undefined) throw new Error(`--faults: "${entry}" is not KIND:AMOUNT@SECONDS`);
      return { kind, amount: Number(amount), at: Number(at) };
    });
}

/** Those who can make a fault happen. */
export interface FaultTargets {
  silence(percent: number): void;
  cut(seconds: number): void;
  restart(downSeconds: number): Promise<void>;
  stall(seconds: number): Promise<void>;
  slowDown(ms: number): void;
  note(text: string): void;
}

/** Has every fault happen at its time. @returns a promise for the end of the last one */
export async function inject(faults: readonly Fault[], targets: FaultTargets): Promise<void> {
  await Promise.all(
    faults.map(async (fault) => {
      await new Promise((resolve) => setTimeout(resolve, fault.at * 1000));
      targets.note(`fault: ${fault.kind} ${fault.amount}`);
      await happen(fault, targets);
    }),
  );
}

async function happen({ kind, amount }: Fault, targets: FaultTargets): Promise<void> {
  switch (kind) {
    case "kill":
      return targets.silence(amount);
    case "cut":
      return targets.cut(amount);
    case "restart":
      return targets.restart(amount);
    case "stall":
      return targets.stall(amount);
    case "slow":
      return targets.slowDown(amount);
    default:
      kind satisfies never;
  }
}
