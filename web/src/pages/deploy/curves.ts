import type { Schemas } from "@/api/client";

export interface Curve {
  measure: Schemas["Guardrail"]["measure"];
  points: { at: string; value: number; low: number; high: number }[];
}

/** A curve for each guardrail, of the looks at which it was known. */
export function curvesOf(looks: readonly Schemas["RolloutEvaluation"][]): Curve[] {
  const curves = new Map<Curve["measure"], Curve>();
  for (const look of looks)
    for (const rail of look.guardrails) {
      const curve = curves.get(rail.measure) ?? { measure: rail.measure, points: [] };
      curves.set(rail.measure, curve);
      if (rail.value != null && rail.low != null && rail.high != null) curve.points.push({ at: look.at, value: rail.value, low: rail.low, high: rail.high });
    }
  return [...curves.values()];
}
