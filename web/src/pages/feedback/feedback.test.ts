import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { merged } from "./proposals";
import { weeks } from "./trend";

it("a proposed scenario takes the place of the one with its name", () => {
  const scenario = (scenario_id: string, goal: string) => ({ scenario_id, goal }) as Schemas["Scenario"];
  expect(merged([scenario("a", "old"), scenario("b", "old")], [scenario("a", "new")])).toEqual([scenario("b", "old"), scenario("a", "new")]);
});

it("a week with too little data has no value, and is no zero", () => {
  const trend = [{ week: "2026-03-02", items: 2, satisfaction: { kind: "insufficient", reason: "2 items", n: 2 } }] as Schemas["TrendPoint"][];
  expect(weeks(trend)).toEqual([{ week: "2026-03-02", items: 2, value: null, low: null, high: null }]);
});
