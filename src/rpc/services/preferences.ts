import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { UserPreferenceSchema, type UserService } from "../../../gen/gitpod/v1/user_pb.js";
import {
  ownSettings,
  type Preference,
  preferenceName,
  preferenceNotFound,
} from "../../domain/users/preference.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { pageOf } from "./paging.ts";

type PreferenceMethods =
  | "setPreference"
  | "getPreference"
  | "listPreferences"
  | "deletePreference"
  | "getDotfilesConfiguration"
  | "setDotfilesConfiguration";

interface Deps {
  readonly store: Pick<Store, "preferences">;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** The part of `gitpod.v1.UserService` that keeps things for users, each for itself alone. */
export function userPreferences({
  store,
  clock,
  newId,
}: Deps): Pick<ServiceImpl<typeof UserService>, PreferenceMethods> {
  return {
    async setPreference({ key, value }, context) {
      const owner = ownSettings(callerOf(context));
      await store.preferences.set(owner, { id: newId(), key, value }, clock.now());
      return {};
    },

    async getPreference({ preference: named, userPreferenceId }, context) {
      const owner = ownSettings(callerOf(context));
      const preference = await store.preferences.get(owner, preferenceName(named, userPreferenceId));
      if (preference === null) throw preferenceNotFound();
      return { preference: preferenceMessage(preference) };
    },

    async listPreferences(request, context) {
      const owner = ownSettings(callerOf(context));
      const list = `gitpod.v1.UserService/ListPreferences ${owner.by.actor.id}`;
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.preferences.list(owner, page),
      );
      return { preferences: rows.map(preferenceMessage), pagination };
    },

    async deletePreference({ userPreferenceId }, context) {
      const owner = ownSettings(callerOf(context));
      if (!(await store.preferences.remove(owner, userPreferenceId.toLowerCase(), clock.now()))) {
        throw preferenceNotFound();
      }
      return {};
    },

    async getDotfilesConfiguration(_request, context) {
      const owner = ownSettings(callerOf(context));
      return { dotfilesConfiguration: { repository: await store.preferences.dotfiles(owner) } };
    },

    async setDotfilesConfiguration({ repository }, context) {
      await store.preferences.setDotfiles(ownSettings(callerOf(context)), repository, clock.now());
      return {};
    },
  };
}

function preferenceMessage({ createdAt, updatedAt, ...preference }: Preference) {
  return create(UserPreferenceSchema, {
    ...preference,
    createdAt: timestampFromMs(createdAt),
    updatedAt: timestampFromMs(updatedAt),
  });
}
