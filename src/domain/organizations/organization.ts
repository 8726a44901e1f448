import { DomainError } from "../errors.ts";

export interface Organization {
  readonly id: string;
  readonly name: string;
  /** Wall-clock milliseconds. */
  readonly createdAt: number;
}

export function organizationNotFound(): DomainError {
  return new DomainError("not_found", "organization not found", { reason: "ORGANIZATION_NOT_FOUND" });
}
