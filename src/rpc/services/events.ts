import { setImmediate as nextTurn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type EventService,
  type WatchEventsRequest,
  WatchEventsResponseSchema,
} from "../../../gen/gitpod/v1/event_pb.js";
import { invalidField } from "../../domain/errors.ts";
import {
  decodeWatchCursor,
  encodeWatchCursor,
  invalidCursor,
  receivedCount,
  type WatchCursor,
} from "../../domain/events/cursor.ts";
import type { EventRecord } from "../../domain/events/event.ts";
import { type EventSelection, selectionKey, selects } from "../../domain/events/filter.ts";
import { mayKnow, type Viewer } from "../../domain/events/viewer.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import { hashToken } from "../../domain/tokens/token.ts";
import type { EventHub } from "../../events/hub.ts";
import { fillSilence } from "../../lib/fill-silence.ts";
import type { Store } from "../../store/store.ts";
import { bearer, callerOf, sendHeadersKey, silenceFilledKey } from "../call/context.ts";
import { auditMethods } from "./audit.ts";

/** Request: `new`, or a cursor that this server gave. Response header: where this watch began. See docs/events.md. */
const cursorHeader = "x-watch-cursor";
/** Response trailer: where it ended. Another name, since clients merge headers and trailers into one error. */
const endCursorTrailer = "x-watch-end-cursor";
/** Request: how many messages the client received since it got the cursor. */
const receivedHeader = "x-watch-received";
/**
 * Proxies cut a stream that brings nothing for a minute. Below messages nothing passes all of them: PING frames end at the
 * next one, and empty DATA frames are taken for an attack by some. So a silent stream brings a message that says nothing.
 */
const nothingNew = { operation: 0, resourceType: 0, resourceId: "" };
/** Rows of one read of a replay. */
const replayRows = 1000;

export interface EventServiceDeps {
  readonly store: Store;
  readonly hub: EventHub;
  readonly secrets: SecretBox;
  /** Milliseconds without an event after which an empty message is sent; 0 sends none. */
  readonly keepAliveMs: number;
}

/** `gitpod.v1.EventService`. */
export function eventService(deps: EventServiceDeps): ServiceImpl<typeof EventService> {
  const { store, hub, secrets, keepAliveMs } = deps;
  return {
    ...auditMethods(store),

    async *watchEvents(request, context) {
      const viewer = await store.events.viewer(callerOf(context));
      const selection = selectionOf(request);
      const wants = selects(selection);
      const key = selectionKey(selection);
      const asked = context.requestHeader.get(cursorHeader);
      const position = await startOf(asked, context, viewer, key, wants);
      const cursorAt = (sequence: number) =>
        asked === null ? null : encodeWatchCursor({ sequence, selection: key, viewer }, secrets);
      const cursor = cursorAt(position);
      const watch = await hub.watch({
        viewer,
        tokenHash: hashToken(bearer(context.requestHeader.get("authorization"))),
        selects: wants,
        resumable: cursor !== null,
        position,
      });
      try {
        if (cursor !== null) context.responseHeader.set(cursorHeader, cursor);
        context.values.get(sendHeadersKey)(context.responseHeader);
        // A client that counts events, to resume, would count the empty ones.
        const fills = cursor === null && !context.values.get(silenceFilledKey);
        const events = watch.events(context.signal);
        for await (const event of fills ? fillSilence(events, keepAliveMs, nothingNew) : events) {
          const { operation, resourceType, resourceId } = event;
          yield create(WatchEventsResponseSchema, {
            operation: operation as number,
            resourceType: resourceType as number,
            resourceId,
          });
        }
      } finally {
        hub.remove(watch);
        const end = cursorAt(watch.delivered);
        if (end !== null) context.responseTrailer.set(endCursorTrailer, end);
      }
    },
  };

  /** The sequence after which a watch begins. */
  async function startOf(
    asked: string | null,
    context: HandlerContext,
    viewer: Viewer,
    key: string,
    wants: (event: EventRecord) => boolean,
  ): Promise<number> {
    if (asked === null || asked === "new") return store.events.newest();
    const received = receivedCount(context.requestHeader.get(receivedHeader));
    return replay(decodeWatchCursor(asked, secrets, viewer, key, received), received, wants);
  }

  /** Finds the last event that the client received, by sending nothing and counting as the cut stream did. */
  async function replay(
    cursor: WatchCursor,
    received: number,
    wants: (event: EventRecord) => boolean,
  ): Promise<number> {
    const { organizationId } = cursor.viewer;
    let position = cursor.sequence;
    for (let left = received; ; ) {
      // Also with nothing to count: the read refuses a position whose events are no longer there.
      const events = await store.events.read(organizationId, position, left === 0 ? 1 : replayRows);
      if (left === 0) return position;
      if (events.length === 0) throw invalidCursor("comes with a count of more events than there were");
      for (const event of events) {
        position = event.sequence;
        if (wants(event) && mayKnow(cursor.viewer, event)) left -= 1;
        if (left === 0) return position;
      }
      // A long replay must not keep other calls waiting.
      await nextTurn();
    }
  }
}

function selectionOf({ scope, resourceTypeFilters }: WatchEventsRequest): EventSelection {
  if (scope.case === "environmentId" && resourceTypeFilters.length > 0) {
    throw invalidField(
      "resource_type_filters",
      "watch_events.filters_of_organization",
      "can be set for a watch of the organization alone, not for one of an environment",
    );
  }
  return {
    environmentId: scope.case === "environmentId" ? scope.value : null,
    entries: resourceTypeFilters.map(({ resourceType, resourceIds, creatorIds }) => ({
      resourceType,
      resourceIds,
      creatorIds,
    })),
  };
}
