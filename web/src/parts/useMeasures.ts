import { useQuery } from "@tanstack/react-query";

import { measuresQuery } from "@/api/queries";
import { type Measure, measureOf } from "@/measures";

/** Finds a measure by its name in the server's table. */
export function useMeasures(): (name: string) => Measure {
  const items = useQuery(measuresQuery).data?.items ?? [];
  return (name) => measureOf(items, name);
}
