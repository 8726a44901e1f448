import { expect } from "vitest";
import { refusal } from "../../support/refusal.ts";
import type { Provider } from "./provider.ts";

/** How often a state is refreshed: more often than the server keeps access tokens of one account. */
export const refreshes = 300;

/** A resource of Terraform as the calls that the provider makes for it. */
export interface Resource {
  /** Resolves to the id that goes into the state. */
  create(provider: Provider): Promise<string>;
  /** What the provider compares with its plan. */
  read(provider: Provider, id: string): Promise<unknown>;
  update(provider: Provider, id: string): Promise<unknown>;
  destroy(provider: Provider, id: string): Promise<unknown>;
  /** What is to be read after the creation, and after the update. */
  readonly planned: object;
  readonly changed: object;
  /** The refusal of a read after the destruction, or what is left to read where nothing is deleted. */
  readonly gone: { readonly code: "not_found"; readonly message: string } | { readonly left: object };
}

/** Apply, plan again, change, refresh, import, destroy, plan again. */
export async function live(provider: Provider, resource: Resource, times = refreshes): Promise<void> {
  const id = await resource.create(provider);
  const created = await resource.read(provider, id);
  expect(created).toMatchObject(resource.planned);
  expect(await resource.read(provider, id)).toEqual(created);
  await resource.update(provider, id);
  const changed = await resource.read(provider, id);
  expect(changed).toMatchObject(resource.changed);
  for (let i = 0; i < times; i += 1) expect(await resource.read(provider, id)).toEqual(changed);
  // An import knows the id alone, which people may have written in capitals.
  expect(await resource.read(provider, id.toUpperCase())).toEqual(changed);
  await resource.destroy(provider, id);
  const { gone } = resource;
  if ("left" in gone) {
    expect(await resource.read(provider, id)).toMatchObject(gone.left);
    return;
  }
  for (const again of [resource.read(provider, id), resource.destroy(provider, id)]) {
    expect(await refusal(again)).toMatchObject(gone);
  }
}
