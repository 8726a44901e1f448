import type { ResourceOperation, ResourceType } from "../access/resources.ts";

/** One change, as it is kept for watchers. */
export interface EventRecord {
  /** Grows with every event of the server, in the order of the commits. */
  readonly sequence: number;
  readonly operation: ResourceOperation;
  readonly resourceType: ResourceType;
  readonly resourceId: string;
  /** Whoever made the resource. */
  readonly creatorId: string;
  /** The groups that the resource was shared with when it changed. */
  readonly audience: readonly string[];
}
