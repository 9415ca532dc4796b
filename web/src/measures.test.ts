import { expect, test } from "vitest";

import type { Schemas } from "@/api/client";

import { amount, change, firstMargin, measureOf, scaleOf, suffixOf } from "./measures";

const items = [
  { name: "errors", label: "Errors", unit: "share", better: "lower", compared: false, limit: null, judged: false },
  { name: "tool_errors", label: "Failed tool calls", unit: "count", better: "lower", compared: true, limit: 20, judged: false },
  { name: "cost_usd", label: "Cost a conversation", unit: "usd", better: "lower", compared: true, limit: 10, judged: false },
] as Schemas["MeasureItem"][];

test("a measure is shown by its entry, whatever it is", () => {
  const [errors, tools, cost] = items as [Schemas["MeasureItem"], Schemas["MeasureItem"], Schemas["MeasureItem"]];
  expect([change(errors, 0.031), change(tools, 1.5), change(cost, -0.00421)]).toEqual(["+3.1", "+1.50", "-$0.0042"]);
  expect([suffixOf(errors), suffixOf(tools), suffixOf(cost)]).toEqual([" points", "", " USD"]);
  expect([scaleOf(errors), scaleOf(cost)]).toEqual([100, 1]);
  expect([firstMargin(errors), firstMargin(tools), firstMargin(cost)]).toEqual([0.02, 0.2, 0.1]);
  expect([amount(errors, 0.05), amount(tools, 3), amount(cost, 0.5)]).toEqual(["5", "3", "$0.50"]);
});

test("one that the server no longer has keeps its name", () => {
  expect(measureOf(items, "errors").label).toBe("Errors");
  expect(measureOf(items, "gone").label).toBe("gone");
});
