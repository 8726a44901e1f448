/** A page of a list. */
export interface Rows<T> {
  readonly rows: readonly T[];
  /** Whether another page follows. */
  readonly more: boolean;
}
