import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import type { Kind, World } from "./world.ts";

let names = 0;
/** What those have who cannot have any. */
const none = { id: "00000000-0000-7000-8000-000000000000", key: "none" };

/** A preference of the caller, when it is a person: a user who only reads has those of its full token. */
export async function preferenceOf(world: World, kind: Kind): Promise<{ id: string; key: string }> {
  const owner = world.actors[kind === "read-only" ? "org admin" : kind];
  const own = world.server.client(UserService, { token: owner?.token ?? null });
  const key = `preference ${++names}`;
  try {
    await own.setPreference({ key, value: "value" });
  } catch {
    return none;
  }
  return (await own.getPreference({ preference: { case: "preferenceKey", value: key } })).preference ?? none;
}
