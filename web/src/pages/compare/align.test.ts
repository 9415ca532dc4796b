import { expect, it } from "vitest";

import type { Schemas } from "@/api/client";

import { alignTurns } from "./align";

const turns = (said: string) => said.split(" ").map((text) => ({ role: text.startsWith("u") ? "user" : "agent", text, tool_calls: [] }) as Schemas["Turn"]);
const shown = (left: string, right: string) => alignTurns(turns(left), turns(right)).map((pair) => `${pair.left?.text ?? "-"}|${pair.right?.text ?? "-"}`);

it("an answer in two turns does not shift what follows", () => {
  expect(shown("u1 a1 a2 u2 a3", "u1 b1 u2 b2")).toEqual(["u1|u1", "a1|b1", "a2|-", "u2|u2", "a3|b2"]);
});

it("the longer conversation goes on alone", () => {
  expect(shown("u1 a1", "u1 b1 u2 b2")).toEqual(["u1|u1", "a1|b1", "-|u2", "-|b2"]);
});

it("an agent may speak first", () => {
  expect(shown("a0 u1 a1", "u1 b1")).toEqual(["a0|u1", "-|b1", "u1|-", "a1|-"]);
});
