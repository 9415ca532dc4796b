import type { Schemas } from "@/api/client";
import { factWords } from "@/parts/ReportView";

type Fact = Schemas["Fact"];

const PLACE = /\{([a-z][a-z0-9_.-]*)\}/g;

/** Facts that the text names and that are none. */
export function unknownFacts(text: string, facts: readonly Fact[]): string[] {
  const known = new Set(facts.map((fact) => fact.fact_id));
  return [...new Set([...text.matchAll(PLACE)].map((found) => found[1] ?? ""))].filter((id) => !known.has(id));
}

/** The text with the facts put in, as the report will show it; the server puts them in for good. */
export function filled(text: string, facts: readonly Fact[]): string {
  const byId = new Map(facts.map((fact) => [fact.fact_id, fact]));
  return text.replace(PLACE, (place, id: string) => {
    const fact = byId.get(id);
    if (fact === undefined) return place;
    const { value, beside } = factWords(fact);
    return beside ? `${value} (${beside})` : value;
  });
}
