/** A pipeline's way through the stages: what is done, with what it found; what runs; what comes. */
import { Alert, Box, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, read, type Schemas } from "@/api/client";
import { StageBadge, StatusBadge, VerdictBadge } from "@/parts/badges";
import { ButtonTo, LinkTo } from "@/parts/links";
import { Sheet } from "@/parts/Sheet";
import { resultPlace } from "@/places";
import { agentName, seconds } from "@/words";

export function PipelineStages({ project, job }: { project: string; job: Schemas["Job"] }) {
  const result = job.result as Schemas["PipelineResult"] | null | undefined;
  return (
    <Stack>
      {result && <Outcome project={project} result={result} />}
      <Card withBorder padding="sm">
        <Title order={2} mb="xs">
          Stages
        </Title>
        {result ? <Done project={project} stages={result.stages} /> : <SoFar project={project} job={job} />}
      </Card>
    </Stack>
  );
}

function Outcome({ project, result }: { project: string; result: Schemas["PipelineResult"] }) {
  const recommendation = result.recommendation;
  const rejected = result.waiting_for?.state === "rejected";
  const compared = result.stages.find((stage) => stage.stage === "compare");
  return (
    <Card withBorder component="section" aria-label="Verdict">
      <Group justify="space-between" align="flex-start">
        <Stack gap={6} style={{ flex: "1 1 320px" }}>
          {recommendation && (
            <Box>
              <VerdictBadge decision={recommendation} size="xl" />
            </Box>
          )}
          {compared && <Text>{compared.headline}</Text>}
          {result.state === "stopped" && (
            <Alert color={rejected ? "red" : "yellow"} variant="light" title="It stopped before the end">
              <Stack gap="xs" align="flex-start">
                {result.reason}
                {rejected && (
                  <ButtonTo to="/p/$project/gates" params={{ project }} search={{ tab: "decided" }} size="xs" variant="light" color="red">
                    Decide again
                  </ButtonTo>
                )}
              </Stack>
            </Alert>
          )}
        </Stack>
        {result.comparison_id && (
          <ButtonTo to="/p/$project/compare" params={{ project }} search={{ subject: result.comparison_id }} variant="light">
            Open the comparison
          </ButtonTo>
        )}
      </Group>
    </Card>
  );
}

function Done({ project, stages }: { project: string; stages: readonly Schemas["StageSummary"][] }) {
  return (
    <Rows
      rows={stages.map((stage) => ({
        key: `${stage.stage} ${stage.subject_id}`,
        stage: stage.stage,
        agent: stage.agent,
        headline: stage.headline,
        took: stage.reused ? "done before" : seconds(stage.duration_s),
        runId: stage.run_id,
        subject: stage.subject_id,
      }))}
      project={project}
    />
  );
}

/** Runs of this job while it is not through. */
function SoFar({ project, job }: { project: string; job: Schemas["Job"] }) {
  const runs = useQuery({
    queryKey: ["project", project, "runs", "since", job.created_at],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/runs", { params: { path: { project }, query: { limit: 50 } } })),
  });
  const own = (runs.data?.items ?? []).filter((run) => run.job_id === job.job_id).reverse();
  if (own.length === 0) return <Text c="dimmed" size="sm">No stage has begun yet.</Text>;
  return (
    <Rows
      project={project}
      rows={own.map((run) => ({
        key: run.run_id,
        stage: run.stage,
        agent: run.agent ?? null,
        headline: run.error ?? "",
        took: run.ended_at ? seconds((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000) : "",
        status: run.status,
        runId: run.run_id,
        subject: run.subject_id,
      }))}
    />
  );
}

interface Row {
  key: string;
  stage: Schemas["Stage"];
  agent: Schemas["AgentRef"] | null;
  headline: string;
  took: string;
  status?: Schemas["RunItem"]["status"];
  runId: string | null | undefined;
  subject: string;
}

function Rows({ project, rows }: { project: string; rows: readonly Row[] }) {
  return (
    <Sheet label="Stages" columns={["Stage", "Agent version", "What it found", "Took", "Artifacts"]}>
      {rows.map((row) => {
        const place = row.subject ? resultPlace(project, row.stage, row.subject) : null;
        return (
          <Table.Tr key={row.key}>
            <Table.Td>
              <StageBadge stage={row.stage} />
            </Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>{agentName(row.agent)}</Table.Td>
            <Table.Td>
              {row.status ? <StatusBadge status={row.status} /> : null} {place && row.headline ? <LinkTo {...place}>{row.headline}</LinkTo> : row.headline}
            </Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>{row.took}</Table.Td>
            <Table.Td>
              {row.runId && (
                <LinkTo to="/p/$project/runs/$runId" params={{ project, runId: row.runId }} aria-label={`Artifacts of ${row.stage}, ${agentName(row.agent)}`}>
                  open
                </LinkTo>
              )}
            </Table.Td>
          </Table.Tr>
        );
      })}
    </Sheet>
  );
}
