import type { Schemas } from "@/api/client";

/** What the address says is wanted. */
export interface Filters {
  simulation?: string;
  judging?: string;
  outcome?: string;
  scenario?: string;
  fault?: string;
  agent?: string;
}

type Query = NonNullable<import("@/api/schema").operations["list_conversations"]["parameters"]["query"]>;

/** The query for one page; an outcome without a judging means nothing and is left out. */
export function queryOf(filters: Filters, cursor: string | undefined): Query {
  return {
    limit: 100,
    cursor,
    simulation: filters.simulation,
    judging: filters.judging,
    outcome: filters.judging ? (filters.outcome as Query["outcome"]) : undefined,
    scenario: filters.scenario,
    fault: filters.fault as Query["fault"],
    agent: filters.agent,
  };
}

/** Why a conversation ended, in words. */
export const STOPS: Record<Schemas["StopReason"], string> = {
  goal_reached: "goal reached",
  gave_up: "gave up",
  max_turns: "ran out of turns",
  agent_error: "agent failed",
  simulator_error: "simulator failed",
  timeout: "timed out",
  imported: "imported",
};
