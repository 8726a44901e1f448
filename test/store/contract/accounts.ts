import { expect, test } from "vitest";
import { foundingOf } from "../../support/records.ts";
import type { OpenStore } from "./setting.ts";

export function accountContract(open: OpenStore): void {
  test("nobody is there before the founding", async () => {
    await using opened = await open();
    expect(await opened.store.founding.first()).toBeNull();
  });

  test("the founding leaves an organisation, its admin, a token and the server's own runner", async () => {
    await using opened = await open();
    const { tokens, runners } = opened.store;
    const founding = foundingOf();
    const { organization, admin, token, localConfiguration } = founding;
    await opened.store.founding.found(founding);
    expect(await opened.store.founding.first()).toMatchObject({ organization, admin });
    expect(await tokens.findAccessToken(token.hash)).toMatchObject({ subjectId: admin.id, id: token.id });
    expect(await runners.get(organization.id, localConfiguration.id)).toMatchObject(localConfiguration);
  });

  test("the first stays the first, whatever the clock said at a later founding", async () => {
    await using opened = await open();
    const [smaller, greater] = [foundingOf(), foundingOf()];
    await opened.store.founding.found(greater);
    await opened.store.founding.found(smaller);
    expect((await opened.store.founding.first())?.admin).toMatchObject(greater.admin);
  });

  test("a founding that fails leaves nothing", async () => {
    await using opened = await open();
    const { tokens } = opened.store;
    const founding = foundingOf();
    const stranger = { ...founding.localConfiguration, organizationId: foundingOf().organization.id };
    await expect(
      opened.store.founding.found({ ...founding, localConfiguration: stranger }),
    ).rejects.toThrow();
    expect(await opened.store.founding.first()).toBeNull();
    expect(await tokens.findAccessToken(founding.token.hash)).toBeNull();
    await opened.store.founding.found(founding);
    expect(await opened.store.founding.first()).not.toBeNull();
  });
}
