/** The eight stages, in order: the page is a loop over this list, as the CLI and the API are. */
import type { StageName } from "@/api/client";
import type { Resource } from "@/api/queries";

export interface StageView {
  stage: StageName;
  number: number;
  title: string;
  /** What the stage does, in a line. */
  says: string;
  /** Where its results are, below `/p/$project`. */
  path: string;
  resource: Resource | null;
}

export const STAGES: readonly StageView[] = [
  { stage: "develop", title: "Agents", says: "Register and probe an agent version", path: "agents", resource: null },
  { stage: "dataset", title: "Dataset", says: "Scenarios with what the agent must and must not do", path: "datasets", resource: null },
  { stage: "simulate", title: "Simulation", says: "Simulated users talk with the agent", path: "conversations", resource: "simulations" },
  { stage: "judge", title: "Judging", says: "A verdict with a rationale on every expectation", path: "labelling", resource: "judgments" },
  { stage: "analyze", title: "Analytics", says: "What to expect in production", path: "analytics", resource: "reports" },
  { stage: "compare", title: "Compare", says: "PROMOTE, REJECT or INCONCLUSIVE", path: "compare", resource: "comparisons" },
  { stage: "deploy", title: "Deploy", says: "Registry and progressive rollout", path: "deploy", resource: "rollouts" },
  { stage: "feedback", title: "Feedback", says: "What production says, and what to build next", path: "feedback", resource: "feedback" },
].map((view, index) => ({ ...view, number: index + 1 }) as StageView);

export function stageView(stage: string): StageView {
  const found = STAGES.find((view) => view.stage === stage);
  if (found === undefined) throw new Error(`no stage ${stage}`);
  return found;
}
