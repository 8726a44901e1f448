import { Principal, type Subject } from "../access/principal.ts";
import { ResourceType } from "../access/resources.ts";
import { DomainError } from "../errors.ts";
import type { EventRecord } from "./event.ts";

/** What decides which events and records a caller may see. */
export interface Viewer extends Subject {
  readonly organizationId: string;
  /** Organisation admin. */
  readonly admin: boolean;
  /** Sees the users, service accounts, groups and role assignments of the organisation. */
  readonly member: boolean;
  /** Admin of every runner of the organisation. */
  readonly runnersAdmin: boolean;
  /** Admin of every group of the organisation. */
  readonly groupsAdmin: boolean;
  readonly auditReader: boolean;
  /** The groups that the viewer is a member of, sorted. */
  readonly groupIds: readonly string[];
}

/** Whether two answers to the question who a caller is lead to the same events. */
export function sameView(a: Viewer, b: Viewer): boolean {
  return JSON.stringify(viewKey(a)) === JSON.stringify(viewKey(b));
}

function viewKey({ id, organizationId, admin, member, runnersAdmin, groupsAdmin, groupIds }: Viewer) {
  return [id, organizationId, admin, member, runnersAdmin, groupsAdmin, groupIds];
}

/**
 * The rule of who is told of a change. It reads nothing but its arguments: a resumed watch asks it again. To change it is
 * to raise `watchRules` of cursor.ts.
 */
export function mayKnow(viewer: Viewer, event: EventRecord): boolean {
  const itself = event.resourceId === viewer.id;
  // A runner's token acts on the runner alone, whatever groups the runner was put into.
  if (viewer.principal === Principal.RUNNER)
    return itself ? event.resourceType === ResourceType.RUNNER : isOn(viewer, event);
  const own = event.creatorId === viewer.id;
  const shared = () => event.audience.some((id) => id === viewer.id || viewer.groupIds.includes(id));
  switch (event.resourceType) {
    case ResourceType.RUNNER:
    case ResourceType.ENVIRONMENT_CLASS:
    case ResourceType.RUNNER_SCM_INTEGRATION:
    case ResourceType.RUNNER_LLM_INTEGRATION:
    case ResourceType.HOST_AUTHENTICATION_TOKEN:
      return own || viewer.runnersAdmin || shared();
    case ResourceType.GROUP:
    case ResourceType.GROUP_MEMBERSHIP_CHANGED:
    case ResourceType.ROLE_ASSIGNMENT:
    case ResourceType.ROLE_ASSIGNMENT_CHANGED:
      return own || viewer.member || viewer.groupsAdmin || inside(viewer, event) || shared();
    case ResourceType.ORGANIZATION:
      return true;
    case ResourceType.USER:
    case ResourceType.SERVICE_ACCOUNT:
      return itself || viewer.member;
    case ResourceType.SERVICE_ACCOUNT_TOKEN:
      // No program sees the tokens of another, not even one that administers the organisation.
      return own || (viewer.admin && viewer.principal === Principal.USER);
    default:
      // Personal tokens, and whatever is added later: hidden from everybody but owner and admins.
      return own || viewer.admin;
  }
}

/** Whether the event is about something that is set up on the runner that watches. */
function isOn(runner: Viewer, event: EventRecord): boolean {
  switch (event.resourceType) {
    case ResourceType.ENVIRONMENT_CLASS:
    case ResourceType.RUNNER_SCM_INTEGRATION:
    case ResourceType.RUNNER_LLM_INTEGRATION:
      return event.audience.includes(runner.id);
    default:
      return false;
  }
}

/** Whether the viewer is a member of the group that the event is about. */
function inside(viewer: Viewer, event: EventRecord): boolean {
  return viewer.groupIds.includes(event.resourceId);
}

/** @throws DomainError `permission_denied` for those who may not read what everybody did */
export function requireAuditReader(viewer: Viewer): void {
  const holdsRoles = viewer.principal !== Principal.RUNNER;
  if (holdsRoles && (viewer.admin || viewer.auditReader)) return;
  throw new DomainError(
    "permission_denied",
    "only organisation admins and audit log readers can read the audit log",
    { reason: "NOT_AN_AUDIT_LOG_READER" },
  );
}
