import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "./client";
import { gatesQuery } from "./queries";

/** Gates that wait and, where `decided`, those with a decision. */
export function useGates(project: string, decided: boolean): readonly Schemas["GateState"][] {
  const waiting = useQuery(gatesQuery(project, "waiting"));
  const approved = useQuery({ ...gatesQuery(project, "approved"), enabled: decided });
  const rejected = useQuery({ ...gatesQuery(project, "rejected"), enabled: decided });
  const all = decided ? [waiting, approved, rejected] : [waiting];
  return all.flatMap((query) => query.data?.items ?? []);
}
