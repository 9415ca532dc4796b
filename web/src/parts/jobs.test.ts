import { expect, it } from "vitest";

import { causeTitle, stoppedAt, titleOf } from "./jobs";

const titles = { running: "Registering", done: "Registered", failed: "Not registered" };

it.each([
  [undefined, false, "Registering"],
  [undefined, true, "Not registered"],
  ["CREATED", false, "Registering"],
  ["RUNNING", false, "Registering"],
  ["SUCCEEDED", false, "Registered"],
  ["FAILED", false, "Not registered"],
  ["CANCELLED", false, "Not registered"],
])("the title follows the job: %s, refused %s: %s", (status, refused, title) => {
  expect(titleOf(titles, status === undefined ? undefined : ({ status } as never), refused)).toBe(title);
});

it("a lifecycle that a rejection stopped is not done", () => {
  const stopped = { kind: "pipeline", status: "SUCCEEDED", result: { state: "stopped", waiting_for: { state: "rejected" } } } as never;
  expect(stoppedAt(stopped)).toBe("rejected");
  expect(stoppedAt({ kind: "pipeline", status: "SUCCEEDED", result: { state: "stopped", waiting_for: null } } as never)).toBe("other");
  expect(stoppedAt({ kind: "pipeline", status: "SUCCEEDED", result: { state: "finished", reason: "" } } as never)).toBeNull();
  expect(stoppedAt({ kind: "dataset", status: "SUCCEEDED", result: { state: "stopped" } } as never)).toBeNull();
});

it("names of error classes are no titles", () => {
  expect(causeTitle("BadInput")).toBe("The input was not accepted");
  expect(causeTitle("SomethingNew")).toBe("The job failed");
});
