import { expect, it } from "vitest";

import { queryOf } from "./filters";

it("an outcome needs the judging that it is of", () => {
  expect(queryOf({ outcome: "failed" }, undefined).outcome).toBeUndefined();
  expect(queryOf({ outcome: "failed", judging: "judging-1" }, "c")).toMatchObject({ outcome: "failed", judging: "judging-1", cursor: "c" });
});
