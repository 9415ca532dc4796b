/** Scenarios as they are edited: pure functions between the contract and the form. */
import type { Schemas } from "@/api/client";

export type Scenario = Schemas["Scenario"];
export type Expectation = Schemas["Expectation"];
export type Check = NonNullable<Expectation["check"]>;

/** A scenario to begin with. */
export function blank(existing: readonly Scenario[]): Scenario {
  return {
    scenario_id: freeId("scenario", existing),
    topic: existing[0]?.topic ?? "topic",
    difficulty: "medium",
    persona: { name: "polite-customer", description: "Friendly and patient.", language: "en" },
    goal: "",
    facts: {},
    expectations: [{ expectation_id: "does-it", kind: "must", text: "" }],
    max_turns: 12,
    origin: "written",
  };
}

/** A copy beside the first. */
export function copyOf(scenario: Scenario, existing: readonly Scenario[]): Scenario {
  return { ...scenario, scenario_id: freeId(scenario.scenario_id, existing), origin: "written", origin_ref: null };
}

/** `name`, or the first of `name-2`, `name-3` and so on that no scenario has. */
export function freeId(name: string, existing: readonly Scenario[]): string {
  const taken = new Set(existing.map((scenario) => scenario.scenario_id));
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) if (!taken.has(`${name}-${number}`)) return `${name}-${number}`;
}

const NAME = /^[^\u0000-\u001f\u007f]{1,255}$/u;
const SLUG = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/;

function isName(text: string): boolean {
  return text.trim() !== "" && NAME.test(text);
}

/** What is wrong with a scenario before the server is asked, field by field. */
export function problemsOf(scenario: Scenario, others: readonly Scenario[]): Record<string, string> {
  const found: Record<string, string> = {};
  if (!isName(scenario.scenario_id)) found.scenario_id = "Up to 255 characters in one line";
  else if (others.some((other) => other.scenario_id === scenario.scenario_id)) found.scenario_id = "Another scenario has this name";
  if (!isName(scenario.topic)) found.topic = "Up to 255 characters in one line";
  if (!scenario.goal.trim()) found.goal = "Say what the user wants";
  if (!SLUG.test(scenario.persona.name)) found.persona = "Letters, digits, dots and hyphens";
  if (scenario.expectations.length === 0) found.expectations = "Give at least one thing that the agent must or must not do";
  scenario.expectations.forEach((expectation, index) => {
    if (!expectation.text.trim()) found[`expectation ${index}`] = "Say what the agent must or must not do";
    if (!SLUG.test(expectation.expectation_id)) found[`expectation ${index} id`] = "Letters, digits, dots and hyphens";
    else if (scenario.expectations.findIndex((other) => other.expectation_id === expectation.expectation_id) !== index) found[`expectation ${index} id`] = "Each needs a name of its own";
  });
  return found;
}

export interface Wanted {
  words: string;
  topic: string | null;
  persona: string | null;
  difficulty: string | null;
}

export function filtered(scenarios: readonly Scenario[], wanted: Wanted): Scenario[] {
  const words = wanted.words.toLowerCase();
  return scenarios.filter(
    (scenario) =>
      (wanted.topic === null || scenario.topic === wanted.topic) &&
      (wanted.persona === null || scenario.persona.name === wanted.persona) &&
      (wanted.difficulty === null || scenario.difficulty === wanted.difficulty) &&
      (words === "" || [scenario.scenario_id, scenario.goal, scenario.opening ?? "", ...scenario.expectations.map((one) => one.text)].some((text) => text.toLowerCase().includes(words))),
  );
}

/** How the edited scenarios differ from the stored ones. */
export function changes(stored: readonly Scenario[], edited: readonly Scenario[]): { added: number; changed: number; gone: number } {
  const before = new Map(stored.map((scenario) => [scenario.scenario_id, JSON.stringify(scenario)]));
  const after = new Set(edited.map((scenario) => scenario.scenario_id));
  return {
    added: edited.filter((scenario) => !before.has(scenario.scenario_id)).length,
    changed: edited.filter((scenario) => before.has(scenario.scenario_id) && before.get(scenario.scenario_id) !== JSON.stringify(scenario)).length,
    gone: stored.filter((scenario) => !after.has(scenario.scenario_id)).length,
  };
}

/** A check in a few words. */
export function checkWords(check: Expectation["check"]): string {
  if (!check) return "a judge rules";
  switch (check.kind) {
    case "says":
      return `says /${check.pattern}/`;
    case "calls":
      return `calls ${check.tool}`;
    case "outcome":
      return `${check.path} = ${JSON.stringify(check.equals)}`;
  }
}
