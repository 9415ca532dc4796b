import type { Schemas } from "@/api/client";

/** Where a stage stands, the most urgent first. */
export type Standing = "running" | "waiting" | "rejected" | "failed" | "done" | "empty";

export function standingOf(state: Pick<Schemas["StageState"], "running" | "waiting" | "finished" | "failed" | "state">): Standing {
  if (state.running > 0) return "running";
  if (state.waiting > 0) return "waiting";
  if (state.state === "rejected") return "rejected";
  if (state.finished > 0) return "done";
  return state.failed > 0 ? "failed" : "empty";
}

/** What to do next in a project: the first thing that is open. */
export function nextStep(lifecycle: Pick<Schemas["Lifecycle"], "gates" | "jobs" | "agents" | "stages">): "start" | "decide" | "watch" | "go_on" {
  if (lifecycle.gates.length > 0) return "decide";
  if (lifecycle.jobs.length > 0) return "watch";
  return lifecycle.agents.length === 0 ? "start" : "go_on";
}
