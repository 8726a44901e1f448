import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { noAuthority } from "../../src/domain/access/authority.ts";
import type { Caller } from "../../src/domain/access/caller.ts";
import { Principal } from "../../src/domain/access/principal.ts";
import { ownSettings } from "../../src/domain/users/preference.ts";
import { besideServer } from "../support/database.ts";
import { newServiceAccount, newUser, type Someone } from "../support/people.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const users = (who: Pick<Someone, "token">) => server.client(UserService, { token: who.token });
const byKey = (value: string) => ({ preference: { case: "preferenceKey" as const, value } });
const byId = (value: string) => ({ preference: { case: "preferenceId" as const, value } });

describe("preferences", () => {
  test("are kept under a key, replaced, found by both names, and forgotten", async () => {
    const who = await newUser(server);
    await users(who).setPreference({ key: "editor", value: "vim" });
    const { preference: first } = await users(who).getPreference(byKey("editor"));
    expect(first).toMatchObject({ key: "editor", value: "vim", createdAt: first?.updatedAt });
    server.clock.advance(1000);
    await users(who).setPreference({ key: "editor", value: "v".repeat(10_240) });
    const id = first?.id ?? "";
    const { preference } = await users(who).getPreference(byId(id.toUpperCase()));
    expect(preference).toMatchObject({ id, createdAt: first?.createdAt });
    expect(preference?.value).toHaveLength(10_240);
    expect(preference?.updatedAt && timestampMs(preference.updatedAt)).toBe(server.clock.now());
    expect((await users(who).getPreference({ userPreferenceId: id })).preference?.id).toBe(id);
    await users(who).deletePreference({ userPreferenceId: id });
    for (const call of [
      users(who).getPreference(byId(id)),
      users(who).getPreference(byKey("editor")),
      users(who).deletePreference({ userPreferenceId: id }),
    ]) {
      expect(await refusal(call)).toMatchObject({ code: "not_found", reason: "PREFERENCE_NOT_FOUND" });
    }
  });

  test("are each user's own", async () => {
    const [who, other] = [await newUser(server), await newUser(server, { admin: true })];
    await users(who).setPreference({ key: "theme", value: "dark" });
    const id = (await users(who).getPreference(byKey("theme"))).preference?.id ?? "";
    for (const call of [
      users(other).getPreference(byId(id)),
      users(other).getPreference(byKey("theme")),
      users(other).deletePreference({ userPreferenceId: id }),
    ]) {
      expect(await refusal(call)).toMatchObject({ code: "not_found" });
    }
    expect((await users(other).listPreferences({})).preferences).toEqual([]);
    const program = await newServiceAccount(server, "ci");
    expect(await refusal(users(program).listPreferences({}))).toMatchObject({ reason: "NOT_A_USER" });
  });

  test("are listed newest first, page by page", async () => {
    const who = await newUser(server);
    for (const key of ["a", "b", "c"]) await users(who).setPreference({ key, value: key });
    const first = await users(who).listPreferences({ pagination: { pageSize: 2 } });
    expect(first.preferences.map(({ key }) => key)).toEqual(["c", "b"]);
    const token = first.pagination?.nextToken ?? "";
    const last = await users(who).listPreferences({ pagination: { token } });
    expect(last.preferences.map(({ key }) => key)).toEqual(["a"]);
    expect(last.pagination?.nextToken).toBe("");
    const other = await newUser(server);
    expect(await refusal(users(other).listPreferences({ pagination: { token } }))).toMatchObject({
      fields: ["pagination.token"],
    });
  });

  test("are a thousand at most, each of which can still be replaced", async () => {
    const who = await newUser(server);
    const keys = Array.from({ length: 1000 }, (_, at) => `key ${at}`);
    for (let at = 0; at < keys.length; at += 100) {
      await Promise.all(keys.slice(at, at + 100).map((key) => users(who).setPreference({ key, value: "1" })));
    }
    const more = users(who).setPreference({ key: "one more", value: "1" });
    expect(await refusal(more)).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_PREFERENCES" });
    await users(who).setPreference({ key: "key 1", value: "2" });
    expect((await users(who).getPreference(byKey("key 1"))).preference?.value).toBe("2");
  });

  test("have keys and values of bounded length, and are asked for by a name", async () => {
    const who = await newUser(server);
    for (const [request, field] of [
      [{ key: "", value: "v" }, "key"],
      [{ key: "k".repeat(256), value: "v" }, "key"],
      [{ key: "k", value: "" }, "value"],
      [{ key: "k", value: "v".repeat(10_241) }, "value"],
    ] as const) {
      const refused = await refusal(users(who).setPreference(request));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: [field] });
    }
    for (const request of [{}, byId("")]) {
      const refused = await refusal(users(who).getPreference(request));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: ["preference"] });
    }
    expect(await refusal(users(who).deletePreference({ userPreferenceId: "editor" }))).toMatchObject({
      fields: ["user_preference_id"],
    });
  });
});

describe("dotfiles", () => {
  const repository = "https://github.com/acme/dotfiles";
  test("are nowhere, then somewhere, then nowhere again", async () => {
    const who = await newUser(server);
    const there = async () =>
      (await users(who).getDotfilesConfiguration({})).dotfilesConfiguration?.repository;
    expect(await there()).toBe("");
    for (const wanted of [repository, `${repository}-2`, "", ""]) {
      await users(who).setDotfilesConfiguration({ repository: wanted });
      expect(await there()).toBe(wanted);
    }
    for (const wrong of ["dotfiles", `${repository}/${"a".repeat(255)}`]) {
      expect(await refusal(users(who).setDotfilesConfiguration({ repository: wrong }))).toMatchObject({
        code: "invalid_argument",
        fields: ["repository"],
      });
    }
  });

  test("and preferences are gone with their user", async () => {
    const who = await newUser(server);
    await users(who).setDotfilesConfiguration({ repository });
    await users(who).setPreference({ key: "k", value: newId() });
    const kept = () =>
      besideServer(server.config.dataDir, async ({ preferences }) => {
        const owner = ownSettings(callerBy(who));
        return [await preferences.dotfiles(owner), await preferences.get(owner, { key: "k" })];
      });
    expect(await kept()).toEqual([repository, expect.objectContaining({ key: "k" })]);
    await server.client(UserService).deleteUser({ userId: who.id });
    expect(await kept()).toEqual(["", null]);
  });
});

function callerBy({ id, organizationId }: Someone): Caller {
  return {
    id,
    organizationId,
    principal: Principal.USER,
    readOnly: false,
    tokenId: "",
    sourceAddress: "",
    userAgent: "",
    certificateName: null,
    authority: noAuthority,
  };
}
