/** `gitpod.v1.UserStatus`, without the unspecified one, which no user has. */
export const UserStatus = {
  ACTIVE: 1,
  SUSPENDED: 2,
  LEFT: 3,
} as const;
export type UserStatus = (typeof UserStatus)[keyof typeof UserStatus];

/** A person in one organisation. Who left it can be read, and nothing else: records still name it. */
export interface User {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  /** Unique among those of the organisation who have not left it. */
  readonly email: string;
  /** May be empty. */
  readonly avatarUrl: string;
  readonly status: UserStatus;
  /** Wall-clock milliseconds. */
  readonly createdAt: number;
}
