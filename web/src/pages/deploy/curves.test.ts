import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { curvesOf } from "./curves";

it("a guardrail has a point where it was known", () => {
  const rail = (value: number | null) => ({ measure: "errors", value, low: value && value - 0.1, high: value && value + 0.1 });
  const looks = [
    { at: "1", guardrails: [rail(null)] },
    { at: "2", guardrails: [rail(0.25)] },
  ] as unknown as Schemas["RolloutEvaluation"][];
  expect(curvesOf(looks)).toEqual([{ measure: "errors", points: [{ at: "2", value: 0.25, low: 0.15, high: 0.35 }] }]);
});
