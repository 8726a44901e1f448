import type { ResourceOperation, ResourceType } from "../access/resources.ts";

/** One change, as it is kept for watchers. */
export interface EventRecord {
  /** Grows with every event of the server, in the order of the commits. */
  readonly sequence: number;
  readonly operation: ResourceOperation;
  readonly resourceType: ResourceType;
  readonly resourceId: string;
  /** The account that made the resource; for what is set up on a runner the account that made the runner, for a host's token whose it is. */
  readonly creatorId: string;
  /**
   * The groups whose members could see the resource when it changed, by a role on it. Beside them the ids of single ones:
   * for a group that is gone its last members, for what is set up on a runner that runner and who registered it.
   */
  readonly audience: readonly string[];
}
