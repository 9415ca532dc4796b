/** A job as it goes: how far, what it costs, why it stopped, what to do. */
import { Alert, Group, Progress, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, read, type Schemas } from "@/api/client";
import { ENDED, useJobEvents } from "@/api/live";
import { jobQuery } from "@/api/queries";
import { STAGES } from "@/stages";
import { count, usd } from "@/words";

import { StatusBadge, ToneBadge } from "./badges";
import { causeTitle, stoppedAt } from "./jobs";
import { PermittedButton } from "./Permitted";
import { Loaded } from "./states";

export function JobWatch({ project, jobId }: { project: string; jobId: string }) {
  const query = useQuery(jobQuery(project, jobId));
  useJobEvents(project, query.data);
  return (
    <Loaded query={query} what="the job">
      {(job) => <JobState project={project} job={job} />}
    </Loaded>
  );
}

function JobState({ project, job }: { project: string; job: Schemas["Job"] }) {
  const { progress } = job;
  const view = STAGES.find((stage) => stage.stage === progress.stage);
  const share = progress.total > 0 ? (100 * progress.done) / progress.total : 0;
  const ended = ENDED.includes(job.status);
  const stopped = stoppedAt(job);
  return (
    <Stack gap="xs" aria-live="polite">
      <Group gap="xs">
        {stopped === null ? <StatusBadge status={job.status} /> : <ToneBadge tone={stopped === "rejected" ? "bad" : "unsure"}>stopped</ToneBadge>}
        <Text size="sm">{sayWhere(job, view && `${view.number} ${view.title}`)}</Text>
        <Text size="xs" c="dimmed" ml="auto">
          {[progress.spent.calls > 0 && `${count(progress.spent.calls)} calls`, progress.spent.cost_usd != null && usd(progress.spent.cost_usd)].filter(Boolean).join(" · ")}
        </Text>
      </Group>
      {!ended && !progress.waiting_for && <Progress value={progress.total > 0 ? share : 100} animated={progress.total === 0 || share < 100} aria-label="Progress of the job" />}
      {job.error && (
        <Alert color="red" variant="light" title={causeTitle(job.error.cause)}>
          {job.error.message}
        </Alert>
      )}
      <JobActions project={project} job={job} />
    </Stack>
  );
}

function sayWhere(job: Schemas["Job"], stage: string | undefined): string {
  const { progress } = job;
  if (job.status === "CREATED") return "waits for a worker";
  if (job.status === "SUCCEEDED") return { rejected: "at a rejected gate", other: "before the end", none: "done" }[stoppedAt(job) ?? "none"];
  if (progress.waiting_for) return `waits at a gate: ${progress.waiting_for}`;
  const far = progress.total > 0 ? `, ${count(progress.done)} of ${count(progress.total)}` : "";
  return stage ? `${stage}${far}` : job.status === "RUNNING" ? "at work" : "";
}

function JobActions({ project, job }: { project: string; job: Schemas["Job"] }) {
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (what: "cancel" | "retry") => read<Schemas["Job"]>(api.POST(`/api/v1/jobs/{job_id}/${what}`, { params: { path: { job_id: job.job_id } } })),
    onSuccess: (told) => {
      queries.setQueryData(jobQuery(project, told.job_id).queryKey, told);
      void queries.invalidateQueries({ queryKey: ["project", project, "jobs"] });
    },
    onError: (error) => notifications.show({ color: "red", title: "Not done", message: error.message }),
  });
  const open = !ENDED.includes(job.status);
  if (!open && job.status === "SUCCEEDED") return null;
  return (
    <Group gap="xs">
      {open ? (
        <PermittedButton project={project} size="xs" variant="default" loading={change.isPending} onClick={() => change.mutate("cancel")}>
          Cancel the job
        </PermittedButton>
      ) : (
        <PermittedButton project={project} size="xs" variant="light" loading={change.isPending} onClick={() => change.mutate("retry")}>
          Retry (keeps finished work)
        </PermittedButton>
      )}
    </Group>
  );
}
