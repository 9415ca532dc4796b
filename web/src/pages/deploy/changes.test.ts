import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { allowed, CHANGES } from "./changes";

const traffic = { state: "running", step: 0, share: 0.05, steps: [{ share: 0.05 }, { share: 1 }], champion: { agent: { agent_id: "shop", version: "v1" } }, challenger: { agent: { agent_id: "shop", version: "v2" } } } as unknown as Schemas["Traffic"];

it("what may be done follows from the state", () => {
  expect(allowed(traffic)).toEqual(["advance", "pause", "roll_back"]);
  expect(allowed({ ...traffic, step: 1 })).toEqual(["complete", "pause", "roll_back"]);
  expect(allowed({ ...traffic, state: "paused" })).toEqual(["resume", "roll_back"]);
  expect(allowed({ ...traffic, state: "rolled_back" })).toEqual([]);
});

it("the next share is named", () => {
  expect(CHANGES.advance.label(traffic)).toBe("Open 100 %");
  expect(CHANGES.roll_back.says(traffic)).toContain("shop@v1");
});
