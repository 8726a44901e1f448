import { afterAll, beforeAll, expect, test } from "vitest";
import { type Toy, toyServer } from "./support/toy-server.ts";

let server: Toy;
beforeAll(async () => {
  server = await toyServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const get = (message: string) =>
  fetch(
    `${server.url}/gitpod.v1.RunnerService/ListRunners?connect=v1&encoding=proto&base64=1&message=${message}`,
  );

test.each(["%00", "a", "*", "ab!d", "%F0%9F%92%A9"])(
  "%s for base64 is an invalid argument",
  async (message) => {
    const answer = await get(message);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      code: "invalid_argument",
      message: "the parameter message is not valid base64",
    });
    expect(server.errors).toEqual([]);
  },
);

test.each(["", "CgIIAQ", "CgIIAQ%3D%3D"])("%s is", async (message) => {
  expect((await get(message)).status).toBe(200);
});
