import type { DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { actor, type Kind, type World } from "../../access/world.ts";

/** What an entry says of a change; the rest is the same for all entries of a call. */
export interface Act {
  readonly action: string;
  readonly subjectType: ResourceType;
  readonly subjectId: string | undefined;
  /** The first organisation unless it says otherwise. */
  readonly organizationId?: string | undefined;
}

/** One call that changes something, or uses a credential. */
export interface AuditCase<M extends DescMethod = DescMethod> {
  readonly request: MessageInitShape<M["input"]>;
  /** Who is written down, when it is not the caller. */
  readonly actor?: { readonly id: string; readonly principal: Principal };
  /** What the audit log must have of it. */
  acts(answer: MessageShape<M["output"]>): readonly Act[] | Promise<readonly Act[]>;
}

/** How a method is called here. */
export interface AuditedMethod {
  readonly as: Kind;
  prepare(world: World): Promise<AuditCase>;
  /** A request that is refused whoever sends it; null when there is nothing in it that could be wrong. */
  readonly invalid: object | null;
}

interface Options<M extends DescMethod> {
  /** The org admin unless it says otherwise. */
  readonly as?: Kind;
  /** An empty one unless it says otherwise. */
  readonly invalid?: MessageInitShape<M["input"]> | null;
}

const methods = new Map<DescMethod, AuditedMethod>();

/** Every method that was written down. */
export const audited: ReadonlyMap<DescMethod, AuditedMethod> = methods;

/** Writes down what a call of the method leaves in the audit log. */
export function audit<M extends DescMethod>(
  method: M,
  prepare: (world: World) => AuditCase<M> | Promise<AuditCase<M>>,
  { as = "org admin", invalid }: Options<M> = {},
): void {
  methods.set(method, {
    as,
    invalid: invalid === undefined ? {} : invalid,
    prepare: async (world) => (await prepare(world)) as AuditCase,
  });
}

export function act(action: string, subjectType: ResourceType, subjectId: string | undefined): Act {
  return { action, subjectType, subjectId };
}

/** The caller as entries name it. */
export function asActor(world: World, kind: Exclude<Kind, "nobody">) {
  const { id } = actor(world, kind);
  if (kind === "service account") return { id, principal: Principal.SERVICE_ACCOUNT };
  const isRunner = kind === "runner itself" || kind === "other runner";
  return { id, principal: isRunner ? Principal.RUNNER : Principal.USER };
}

let names = 0;
export const unique = (what: string) => `audited-${what}-${++names}`;
