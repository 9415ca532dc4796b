import { describe, expect, it } from "vitest";

import { blank, changes, checkWords, copyOf, filtered, problemsOf, type Scenario } from "./scenario";

const one: Scenario = { ...blank([]), scenario_id: "refund", topic: "returns", goal: "Get the money back.", expectations: [{ expectation_id: "refunds", kind: "must", text: "It refunds." }] };
const two: Scenario = { ...one, scenario_id: "stock", topic: "stock", difficulty: "hard", goal: "Is the mug there?" };

describe("what is wrong is said by field", () => {
  it("a whole scenario has no problem", () => expect(problemsOf(one, [two])).toEqual({}));
  it("names are free and well-formed, goals and expectations say something", () => {
    const bad = { ...one, scenario_id: "stock", topic: "two\nlines", goal: " ", expectations: [{ expectation_id: "a", kind: "must", text: "" }, { expectation_id: "a", kind: "must", text: "x" }] } as Scenario;
    expect(Object.keys(problemsOf(bad, [two])).sort()).toEqual(["expectation 0", "expectation 1 id", "goal", "scenario_id", "topic"]);
  });
  it("a scenario without expectations is none", () => expect(problemsOf({ ...one, expectations: [] }, [])).toHaveProperty("expectations"));
});

it("a copy gets a name of its own", () => {
  expect(copyOf(one, [one]).scenario_id).toBe("refund-2");
  expect(copyOf(one, [one, copyOf(one, [one])]).scenario_id).toBe("refund-3");
});

it("filters go together", () => {
  const all = { words: "", topic: null, persona: null, difficulty: null };
  expect(filtered([one, two], { ...all, words: "MUG" })).toEqual([two]);
  expect(filtered([one, two], { ...all, topic: "returns", difficulty: "hard" })).toEqual([]);
});

it("changes are counted", () => {
  expect(changes([one, two], [{ ...one, goal: "Other." }, copyOf(one, [one, two])])).toEqual({ added: 1, changed: 1, gone: 1 });
});

it("a check is told in a few words", () => {
  expect(checkWords(null)).toBe("a judge rules");
  expect(checkWords({ kind: "outcome", path: "orders.A.refunded", equals: 149 })).toBe("orders.A.refunded = 149");
});
