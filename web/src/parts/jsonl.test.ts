import { expect, it } from "vitest";

import { fromJsonl, Unreadable } from "./jsonl";

it("reads one object a line and passes over empty lines", () => {
  expect(fromJsonl('{"a":1}\n\n{"a":2}\r\n', "x.jsonl")).toEqual([{ a: 1 }, { a: 2 }]);
});

it.each([
  ['{"a":1}\n{"a":', "x.jsonl:2: not valid JSON"],
  ["[1]", "x.jsonl:1: not a JSON object"],
  ["\n \n", "x.jsonl: holds no line"],
])("%j is refused with its line", (text, words) => {
  expect(() => fromJsonl(text, "x.jsonl")).toThrow(Unreadable);
  expect(() => fromJsonl(text, "x.jsonl")).toThrow(words);
});
