/** `gitpod.v1.Principal`: what kind of caller or author an id belongs to. */
export const Principal = {
  UNSPECIFIED: 0,
  ACCOUNT: 1,
  USER: 2,
  RUNNER: 3,
  ENVIRONMENT: 4,
  SERVICE_ACCOUNT: 5,
  RUNNER_MANAGER: 6,
} as const;
export type Principal = (typeof Principal)[keyof typeof Principal];

/** Who did or owns something. */
export interface Subject {
  readonly id: string;
  readonly principal: Principal;
}
