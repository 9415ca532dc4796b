/** What a person may do with a rollout, as the server allows it, and what it does. */
import type { Schemas } from "@/api/client";
import { agentName, percent } from "@/words";

type Traffic = Schemas["Traffic"];
export type Change = "advance" | "pause" | "resume" | "roll_back" | "complete";

const isLast = (traffic: Traffic) => traffic.step + 1 >= traffic.steps.length;

export function allowed(traffic: Traffic): Change[] {
  if (traffic.state === "running") return [isLast(traffic) ? "complete" : "advance", "pause", "roll_back"];
  return traffic.state === "paused" ? ["resume", "roll_back"] : [];
}

const nextShare = (traffic: Traffic) => percent(traffic.steps[traffic.step + 1]?.share, 0);

export const CHANGES: Record<Change, { label: (traffic: Traffic) => string; says: (traffic: Traffic) => string }> = {
  advance: {
    label: (traffic) => `Open ${nextShare(traffic)}`,
    says: (traffic) => `${nextShare(traffic)} of the sessions go to ${agentName(traffic.challenger?.agent)} from then on. A session that is under way keeps its arm.`,
  },
  complete: { label: () => "Complete", says: (traffic) => `${agentName(traffic.challenger?.agent)} keeps all of the traffic, and the rollout ends.` },
  pause: { label: () => "Pause", says: (traffic) => `The share stays at ${percent(traffic.share, 0)}; no step is opened until somebody resumes it.` },
  resume: { label: () => "Resume", says: () => "It goes on where it stood." },
  roll_back: { label: () => "Roll back", says: (traffic) => `All sessions go to ${agentName(traffic.champion.agent)} at once, and the registry is put back.` },
};
