/** Whether servers under test use the hot path: `ROLLCALL_TEST_HOT_PATH=off npm test` proves the same without it. */
export const hotPathOn = process.env.ROLLCALL_TEST_HOT_PATH !== "off";
