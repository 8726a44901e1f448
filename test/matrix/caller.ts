/** Where the server is, and what a client needs to trust it. */
export interface Target {
  readonly url: string;
  readonly token: string;
  /** PEM file of the certificate; null over clear text. */
  readonly caFile: string | null;
}

/** An answer in proto JSON, or a refusal with its code in lower snake case. */
export type Outcome =
  | { readonly answer: Record<string, unknown> }
  | { readonly refused: { readonly code: string; readonly message: string } };

/** One kind of client, calling `gitpod.v1.RunnerService`. */
export interface Caller {
  call(method: string, request: Record<string, unknown>): Promise<Outcome>;
  close(): void;
}

/** A row of the matrix. */
export interface CallerKind {
  readonly name: string;
  /** Whether it can be told to speak this way; rows that cannot exist are not in the matrix. */
  readonly http: "1.1" | "2";
  open(target: Target): Caller;
}
