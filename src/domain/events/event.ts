import type { ResourceOperation, ResourceType } from "../access/resources.ts";

/** One change, as it is kept for watchers. */
export interface EventRecord {
  /** Grows with every event of the server, in the order of the commits. */
  readonly sequence: number;
  readonly operation: ResourceOperation;
  readonly resourceType: ResourceType;
  readonly resourceId: string;
  /** The account that made the resource. */
  readonly creatorId: string;
  /**
   * The groups whose members could see the resource when it changed, by a role on it; for a group that is gone, the
   * ids of its last members, too.
   */
  readonly audience: readonly string[];
}
