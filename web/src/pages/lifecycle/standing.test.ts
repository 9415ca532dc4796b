import { describe, expect, it } from "vitest";

import { nextStep, standingOf } from "./standing";

const nothing = { running: 0, waiting: 0, finished: 0, failed: 0, state: "empty" as const };

describe("a stage stands where its most urgent thing is", () => {
  it.each([
    [{ ...nothing, running: 1, waiting: 2, finished: 3 }, "running"],
    [{ ...nothing, waiting: 1, finished: 3 }, "waiting"],
    [{ ...nothing, finished: 1, failed: 4, state: "approved" as const }, "done"],
    [{ ...nothing, finished: 2, state: "rejected" as const }, "rejected"],
    [{ ...nothing, waiting: 1, finished: 2, state: "rejected" as const }, "waiting"],
    [{ ...nothing, failed: 1 }, "failed"],
    [nothing, "empty"],
  ])("%j is %s", (state, standing) => expect(standingOf(state)).toBe(standing));
});

it("a gate comes before a running job, and an empty project starts", () => {
  const empty = { gates: [], jobs: [], agents: [], stages: [] };
  expect(nextStep(empty)).toBe("start");
  expect(nextStep({ ...empty, jobs: [{}] as never, gates: [{}] as never })).toBe("decide");
  expect(nextStep({ ...empty, jobs: [{}] as never })).toBe("watch");
});
