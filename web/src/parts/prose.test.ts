import { expect, it } from "vitest";

import { proseParts, tied } from "./prose";

it("a list may follow its sentence without an empty line", () => {
  expect(proseParts("Most fail here:\n- refunds\n- stock\n\nAsk on.\nOr not.")).toEqual([
    { kind: "paragraph", text: "Most fail here:" },
    { kind: "list", items: ["refunds", "stock"] },
    { kind: "paragraph", text: "Ask on.\nOr not." },
  ]);
});

it("two paragraphs stay two", () => {
  expect(proseParts("One.\n\nTwo.")).toEqual([
    { kind: "paragraph", text: "One." },
    { kind: "paragraph", text: "Two." },
  ]);
});

it("a per cent sign is not left alone on a line", () => {
  expect(tied("93.2 % of 100")).toBe("93.2\u00a0% of 100");
});
