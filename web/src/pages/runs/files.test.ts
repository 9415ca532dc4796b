import { expect, it } from "vitest";

import { firstShown, kindOf, pretty } from "./files";

it("files are shown by what they are", () => {
  expect(["reports/a.html", "x.PNG", "gates/ledger.jsonl", "a.pdf", "model.pkl"].map(kindOf)).toEqual(["page", "image", "text", "other", "other"]);
});

it("the report is opened first", () => {
  const files = ["result.json", "reports/a.pdf", "reports/a.html"].map((path) => ({ path, bytes: 1 }));
  expect(firstShown(files)?.path).toBe("reports/a.html");
  expect(firstShown([])).toBeUndefined();
});

it("JSON that was cut off is shown as it is", () => {
  expect(pretty("a.json", '{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("a.json", '{"a":')).toBe('{"a":');
});
