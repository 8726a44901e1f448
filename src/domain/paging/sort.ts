import { invalidField } from "../errors.ts";

/** `gitpod.v1.SortOrder`. */
const SortOrder = { UNSPECIFIED: 0, ASC: 1, DESC: 2 } as const;

/** A way to sort a list: by which of its fields, and which end comes first. */
export interface Sorting<Field extends string> {
  readonly field: Field;
  readonly descending: boolean;
}

/**
 * The way that a request asks to sort a list. The contract names fields in camelCase; their names in the schema, in
 * snake_case, are understood as well.
 * @param asked `gitpod.v1.Sort`; undefined, an empty field and an unspecified order mean the list's own way
 * @param fields those that the list can be sorted by, in camelCase
 * @throws DomainError `invalid` for another field, or a number that is no order
 */
export function sortingOf<Field extends string>(
  asked: { readonly field: string; readonly order: number } | undefined,
  fields: readonly Field[],
  otherwise: Sorting<Field>,
): Sorting<Field> {
  const { field, order } = asked ?? { field: "", order: SortOrder.UNSPECIFIED };
  const named = fields.find((known) => known === field || snakeCase(known) === field);
  if (field !== "" && named === undefined) {
    throw invalidField("sort.field", "sort.field.known", `must be one of: ${fields.join(", ")}`);
  }
  if (order !== SortOrder.UNSPECIFIED && order !== SortOrder.ASC && order !== SortOrder.DESC) {
    throw invalidField("sort.order", "sort.order.known", "must be ascending or descending");
  }
  return {
    field: named ?? otherwise.field,
    descending: order === SortOrder.UNSPECIFIED ? otherwise.descending : order === SortOrder.DESC,
  };
}

function snakeCase(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
