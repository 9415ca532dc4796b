import type { Schemas } from "@/api/client";

type Scenario = Schemas["Scenario"];

/** The dataset's scenarios with the proposed ones; one that is there already is replaced. */
export function merged(stored: readonly Scenario[], proposed: readonly Scenario[]): Scenario[] {
  const names = new Set(proposed.map((scenario) => scenario.scenario_id));
  return [...stored.filter((scenario) => !names.has(scenario.scenario_id)), ...proposed];
}
