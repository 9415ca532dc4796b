import type { Schemas } from "@/api/client";

export interface Week {
  week: string;
  items: number;
  /** null: too little data in that week. */
  value: number | null;
  low: number | null;
  high: number | null;
}

export function weeks(trend: readonly Schemas["TrendPoint"][]): Week[] {
  return trend.map(({ week, items, satisfaction }) => ("reason" in satisfaction ? { week, items, value: null, low: null, high: null } : { week, items, value: satisfaction.value, low: satisfaction.low, high: satisfaction.high }));
}
