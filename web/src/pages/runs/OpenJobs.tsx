import { Card, Group, Progress, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, read } from "@/api/client";
import { StatusBadge } from "@/parts/badges";
import { ButtonTo } from "@/parts/links";
import { count } from "@/words";

/** Jobs that are not done; nothing where there are none. */
export function OpenJobs({ project }: { project: string }) {
  const query = useQuery({
    queryKey: ["project", project, "jobs", "open"],
    queryFn: () => read(api.GET("/api/v1/jobs", { params: { query: { project, open_only: true, limit: 20 } } })),
    // progress is no change of a job, so it is looked for while there is one
    refetchInterval: (state) => (state.state.data?.items.length ? 2_000 : false),
  });
  const jobs = query.data?.items ?? [];
  if (jobs.length === 0) return null;
  return (
    <Card withBorder padding="sm" component="section" aria-label="Open jobs">
      <Title order={2} mb="xs">
        At work
      </Title>
      <Stack gap="xs">
        {jobs.map((job) => (
          <Group key={job.job_id} wrap="nowrap" gap="sm">
            <StatusBadge status={job.status} />
            <Text size="sm" w={170} truncate>
              {job.kind.replaceAll("_", " ")}
              {job.progress.stage && job.kind === "pipeline" ? `: ${job.progress.stage}` : ""}
            </Text>
            <Progress style={{ flex: 1 }} value={job.progress.total ? (100 * job.progress.done) / job.progress.total : 0} aria-label={`Progress of ${job.kind}`} />
            <Text size="xs" c="dimmed" w={150} ta="right">
              {job.progress.waiting_for ? "waits at a gate" : job.progress.total ? `${count(job.progress.done)} of ${count(job.progress.total)}` : ""}
            </Text>
            <ButtonTo to="/p/$project/jobs/$jobId" params={{ project, jobId: job.job_id }} size="compact-xs" variant="light">
              Watch
            </ButtonTo>
          </Group>
        ))}
      </Stack>
    </Card>
  );
}
