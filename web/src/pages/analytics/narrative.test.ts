import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { filled, unknownFacts } from "./narrative";

const facts = [
  { fact_id: "pass_rate", label: "Pass rate", unit: "share", conversation_ids: [], value: { kind: "estimate", value: 0.932, low: 0.884, high: 0.98, n: 177, clusters: 59, clustered_by: "scenarios", confidence: 0.95, method: "t" } },
  { fact_id: "failed", label: "Failed", unit: "count", conversation_ids: [], value: 12 },
] as const satisfies readonly Schemas["Fact"][];

it("facts are put in with their intervals", () => {
  expect(filled("It passes {pass_rate}; {failed} fail.", facts)).toBe("It passes 93.2 % (88.4 % to 98.0 %, n 177); 12 fail.");
});

it("a fact that is none is named once, and left standing", () => {
  expect(unknownFacts("{failed} {nope} {nope}", facts)).toEqual(["nope"]);
  expect(filled("{nope}", facts)).toBe("{nope}");
});
