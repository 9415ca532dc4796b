/** One job, watched: a pipeline with its eight stages, or a single stage with its result. */
import { Card, Code, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { ENDED } from "@/api/live";
import { jobQuery } from "@/api/queries";
import { Ago, VerdictBadge } from "@/parts/badges";
import { JobWatch } from "@/parts/JobWatch";
import { ButtonTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { Loaded } from "@/parts/states";
import { resultPlace } from "@/places";
import { stageView } from "@/stages";

import { PipelineStages } from "./PipelineStages";
import { WaitingGate } from "./WaitingGate";

const OTHERS: Record<Schemas["OtherJob"], string> = {
  evaluate: "Simulate and judge",
  pipeline: "The whole lifecycle",
  agents_report: "Report on Assay's own agents",
};

function titleOf(kind: Schemas["Job"]["kind"]): string {
  return kind in OTHERS ? OTHERS[kind as Schemas["OtherJob"]] : stageView(kind).does;
}

export function JobPage() {
  const { project = "", jobId = "" } = useParams({ strict: false });
  const query = useQuery(jobQuery(project, jobId));
  return (
    <Loaded query={query} what="the job">
      {(job) => (
        <>
          <PageHead
            title={titleOf(job.kind)}
            says={
              <>
                {job.job_id}, begun <Ago at={job.created_at} /> by {job.by}
              </>
            }
          />
          <Stack>
            <Card withBorder>
              <JobWatch project={project} jobId={jobId} />
            </Card>
            <WaitingGate project={project} subject={ENDED.includes(job.status) ? null : (job.progress.waiting_for ?? null)} />
            {job.kind === "pipeline" ? <PipelineStages project={project} job={job} /> : <OneResult project={project} job={job} />}
          </Stack>
        </>
      )}
    </Loaded>
  );
}

function OneResult({ project, job }: { project: string; job: Schemas["Job"] }) {
  if (!job.result) return null;
  const subject = typeof job.result.subject_id === "string" ? job.result.subject_id : "";
  const run = typeof job.result.run_id === "string" ? job.result.run_id : null;
  const place = subject ? resultPlace(project, job.kind, subject) : null;
  const decision = job.result.recommendation as Schemas["Recommendation"] | undefined;
  return (
    <Card withBorder>
      <Stack gap="xs" align="flex-start">
        {decision && <VerdictBadge decision={decision} />}
        {subject && (
          <Text size="sm">
            Result: <Code>{subject}</Code>
          </Text>
        )}
        {place && <ButtonTo {...place}>Open the result</ButtonTo>}
        {run && (
          <ButtonTo to="/p/$project/runs/$runId" params={{ project, runId: run }} variant="default">
            Open the run with its artifacts
          </ButtonTo>
        )}
      </Stack>
    </Card>
  );
}
