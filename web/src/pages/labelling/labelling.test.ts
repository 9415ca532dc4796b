import { describe, expect, it } from "vitest";

import { differences, type Draft, filledIn, isComplete, nextOpen, type Task, withSaid, without } from "./labelling";

const task = {
  conversation_id: "a",
  asks: [
    { expectation_id: "one", text: "One", kind: "must", note: "" },
    { expectation_id: "two", text: "Two", kind: "must", note: "" },
  ],
} as unknown as Task;

describe("a conversation is complete when each expectation is ruled on", () => {
  const first = withSaid({}, task, "one", { ruling: "met" });
  const both = withSaid(first, task, "two", { ruling: "abstained" });
  it("and the next open one is found, going round", () => {
    expect([isComplete({}, task), isComplete(first, task), isComplete(both, task)]).toEqual([false, false, true]);
    expect(nextOpen(first, task, 0)).toBe(1);
    expect(nextOpen(withSaid({}, task, "two", { ruling: "met" }), task, 1)).toBe(0);
    expect(nextOpen(both, task, 1)).toBe(1);
  });
  it("what is stored has rulings and notes", () => {
    const noted = withSaid(both, task, "two", { note: "unclear" });
    expect(filledIn(noted, task).asks.map((ask) => [ask.ruling, ask.note])).toEqual([
      ["met", ""],
      ["abstained", "unclear"],
    ]);
  });
  it("what was stored leaves the draft", () => {
    expect(without(both, "a")).toEqual({} satisfies Draft);
  });
});

it("only rulings that differ from the judge's are told", () => {
  const mine = filledIn(withSaid(withSaid({}, task, "one", { ruling: "met" }), task, "two", { ruling: "not_met" }), task);
  const verdicts = [
    { expectation_id: "one", ruling: "met", rationale: "" },
    { expectation_id: "two", ruling: "met", rationale: "it did" },
  ];
  expect(differences(mine, verdicts as never)).toEqual([{ text: "Two", mine: "not_met", judges: "met", rationale: "it did" }]);
});
