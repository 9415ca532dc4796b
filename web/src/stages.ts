/** The stages in order, and how the page shows each. A stage of the API that is missing here is a type error. */
import type { StageName } from "@/api/client";
import type { Resource } from "@/api/queries";

interface View {
  title: string;
  /** What the stage does, in a line. */
  says: string;
  /** A job that does it, as a title. */
  does: string;
  /** Where the stage is worked on, below `/p/$project`. */
  path: string;
  /** Where one result is shown, if that is elsewhere. */
  shownAt?: string;
  /** The search parameter that names the result there; none: the page shows all. */
  named?: string;
  resource: Resource | null;
}

const VIEWS: Record<StageName, View> = {
  develop: { title: "Agents", says: "Register and probe an agent version", does: "Register an agent version", path: "agents", resource: null },
  dataset: { title: "Dataset", says: "Scenarios with what the agent must and must not do", does: "Build a dataset", path: "datasets", resource: null },
  simulate: { title: "Simulation", says: "Simulated users talk with the agent", does: "Simulate", path: "conversations", named: "simulation", resource: "simulations" },
  judge: { title: "Judging", says: "A verdict with a rationale on every expectation", does: "Judge", path: "labelling", shownAt: "conversations", named: "judging", resource: "judgments" },
  analyze: { title: "Analytics", says: "What to expect in production", does: "Report on results", path: "analytics", named: "subject", resource: "reports" },
  compare: { title: "Compare", says: "PROMOTE, REJECT or INCONCLUSIVE", does: "Compare", path: "compare", named: "subject", resource: "comparisons" },
  deploy: { title: "Deploy", says: "Registry and progressive rollout", does: "Deploy", path: "deploy", named: "subject", resource: "rollouts" },
  feedback: { title: "Feedback", says: "What production says, and what to build next", does: "Report on production", path: "feedback", named: "subject", resource: "feedback" },
};

export interface StageView extends View {
  stage: StageName;
  number: number;
}

export const STAGES: readonly StageView[] = Object.entries(VIEWS).map(([stage, view], index) => ({ ...view, stage: stage as StageName, number: index + 1 }));

export function stageView(stage: string): StageView {
  const found = STAGES.find((view) => view.stage === stage);
  if (found === undefined) throw new Error(`no stage ${stage}`);
  return found;
}
