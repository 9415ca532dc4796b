/** Names, units and directions of what is measured: the server's table, and how a value of it is written. */
import type { Schemas } from "@/api/client";

export type Measure = Schemas["MeasureItem"];

const UNITS: Record<Measure["unit"], string> = { share: " points", seconds: " s", tokens: " tokens", usd: " USD", count: "", score: "" };

/** The entry; of a name that is not there a plain number under that name. */
export function measureOf(items: readonly Measure[], name: string): Measure {
  return items.find((item) => item.name === name) ?? { name, label: name, unit: "count", better: "lower", compared: false, limit: null, judged: false };
}

/** What a value is multiplied with where people read it: shares are read as points. */
export function scaleOf(measure: Measure): number {
  return measure.unit === "share" ? 100 : 1;
}

/** The margin that a new guardrail begins with: 2 points, or a hundredth of what a conversation may count for. */
export function firstMargin(measure: Measure): number {
  return measure.unit === "share" || measure.limit == null ? 0.02 : measure.limit / 100;
}

export function suffixOf(measure: Measure): string {
  return UNITS[measure.unit];
}

/** A difference with its sign, without the unit's word. */
export function change(measure: Measure, value: number): string {
  const sign = value < 0 ? "-" : "+";
  const size = Math.abs(scaleOf(measure) * value);
  if (measure.unit === "usd") return `${sign}$${size.toFixed(4)}`;
  return `${sign}${size.toFixed(measure.unit === "share" ? 1 : 2)}`;
}

/** A value on an axis. */
export function amount(measure: Measure, value: number): string {
  if (measure.unit === "usd") return `$${value.toPrecision(2)}`;
  return measure.unit === "share" ? (100 * value).toFixed(0) : String(Number(value.toPrecision(3)));
}
