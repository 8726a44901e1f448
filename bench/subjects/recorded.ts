/** Answers of Rollcall as base64, by path and content type: `/package.Service/Method application/json`. */
export type Recorded = Readonly<Record<string, string>>;

/** Ports of a subject that was started. */
export interface Ports {
  readonly h2: number;
  readonly h1: number;
}
