/** What a job came to, in words: a title never says "done" before it is. */
import type { Schemas } from "@/api/client";

type Ended = Pick<Schemas["Job"], "kind" | "status" | "result">;

export interface JobTitles {
  running: string;
  done: string;
  failed: string;
}

/** `job`: undefined until the server has taken it; `refused`: the server did not take it. */
export function titleOf(titles: JobTitles, job: Pick<Schemas["Job"], "status"> | undefined, refused: boolean): string {
  if (refused || job?.status === "FAILED" || job?.status === "CANCELLED") return titles.failed;
  return job?.status === "SUCCEEDED" ? titles.done : titles.running;
}

/** Whether a lifecycle that ran without an error ended early: at a rejected gate, or for another reason. */
export function stoppedAt(job: Ended): "rejected" | "other" | null {
  if (job.kind !== "pipeline" || job.status !== "SUCCEEDED") return null;
  const result = job.result as Schemas["PipelineResult"] | null | undefined;
  if (result?.state !== "stopped") return null;
  return result.waiting_for?.state === "rejected" ? "rejected" : "other";
}

const CAUSES: Record<string, string> = {
  BadInput: "The input was not accepted",
  GateClosed: "A gate is closed",
  NotFound: "Something it needs does not exist",
  OverBudget: "The budget is spent",
  CallError: "A call failed",
};

/** The kind of an error as a title. */
export function causeTitle(cause: string): string {
  return CAUSES[cause] ?? "The job failed";
}
