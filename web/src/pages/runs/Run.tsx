/** One run: what it was asked with, what it measured, and its artifacts opened in place. */
import { Alert, Button, Card, Grid, Group, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { api, read, type Schemas } from "@/api/client";
import { Ago, StageBadge, StatusBadge } from "@/parts/badges";
import { ButtonTo, LinkTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { Loaded } from "@/parts/states";
import { resultPlace } from "@/places";
import { agentName, metric, seconds } from "@/words";

import { Artifacts } from "./Artifacts";

export function Run() {
  const { project = "", runId = "" } = useParams({ strict: false });
  const query = useQuery({
    queryKey: ["project", project, "runs", "one", runId],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/runs/{run_id}", { params: { path: { project, run_id: runId } } })),
  });
  return (
    <Loaded query={query} what="the run">
      {(detail) => <RunView project={project} detail={detail} />}
    </Loaded>
  );
}

function RunView({ project, detail }: { project: string; detail: Schemas["RunDetail"] }) {
  const { run } = detail;
  const place = run.subject_id ? resultPlace(project, run.stage, run.subject_id) : null;
  return (
    <>
      <PageHead
        title={run.name}
        says={
          <Group gap="xs">
            <StageBadge stage={run.stage} />
            <StatusBadge status={run.status} />
            <span>
              begun <Ago at={run.started_at} /> by {run.by || "unknown"}
              {run.ended_at && `, took ${seconds((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000)}`}
            </span>
            {!run.gated && <span>· ungated: no deployment accepts it</span>}
            {run.offline && <span>· made offline, by rules</span>}
          </Group>
        }
      >
        {place && <ButtonTo {...place}>Open the result</ButtonTo>}
        {detail.mlflow_url && (
          <Button component="a" href={detail.mlflow_url} target="_blank" rel="noopener" variant="default" rightSection={<IconExternalLink size={14} />}>
            In MLflow
          </Button>
        )}
      </PageHead>
      <Stack>
        {run.error && (
          <Alert color="red" variant="light" title="It failed">
            {run.error}
          </Alert>
        )}
        <Grid>
          <Grid.Col span={{ base: 12, md: 6 }}>
            <Metrics metrics={run.metrics} />
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 6 }}>
            <Pairs title="Params" pairs={detail.params} lead={{ agent: agentName(run.agent), dataset: run.dataset ? `${run.dataset.name}@${run.dataset.version}` : "–" }} />
          </Grid.Col>
        </Grid>
        <Artifacts project={project} runId={run.run_id} files={detail.files} />
        <details>
          <summary>
            <Text span size="sm" c="dimmed">
              {Object.keys(detail.tags).length} tags
            </Text>
          </summary>
          <Pairs pairs={detail.tags} />
        </details>
        {run.job_id && /^job-/.test(run.job_id) && (
          <Text size="sm">
            Done by{" "}
            <LinkTo to="/p/$project/jobs/$jobId" params={{ project, jobId: run.job_id }}>
              {run.job_id}
            </LinkTo>
          </Text>
        )}
      </Stack>
    </>
  );
}

function Metrics({ metrics }: { metrics: Schemas["RunItem"]["metrics"] }) {
  const rows = Object.entries(metrics);
  return (
    <Card withBorder padding="sm" h="100%" component="section" aria-label="Metrics">
      <Title order={2} mb="xs">
        Metrics
      </Title>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          It measured nothing yet.
        </Text>
      ) : (
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing={4}>
          {rows.map(([name, value]) => (
            <Group key={name} justify="space-between" wrap="nowrap" gap="xs">
              <Text size="sm" c="dimmed" truncate title={name}>
                {name.replaceAll("_", " ")}
              </Text>
              <Text size="sm" fw={600} style={{ fontVariantNumeric: "tabular-nums" }}>
                {metric(value)}
              </Text>
            </Group>
          ))}
        </SimpleGrid>
      )}
    </Card>
  );
}

function Pairs({ title, pairs, lead = {} }: { title?: string; pairs: Record<string, string>; lead?: Record<string, string> }) {
  const rows = [...Object.entries(lead), ...Object.entries(pairs).filter(([name]) => !(name in lead))];
  const table = (
    <Table fz="sm" withRowBorders={false} verticalSpacing={3}>
      <Table.Tbody>
        {rows.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Td className="assay-dimmed" valign="top" w="34%">
              {name}
            </Table.Td>
            <Table.Td style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>{value.length > 400 ? `${value.slice(0, 400)}…` : value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
  if (!title) return table;
  return (
    <Card withBorder padding="sm" h="100%" mah={420} style={{ overflow: "auto" }} component="section" aria-label={title} tabIndex={0}>
      <Title order={2} mb="xs">
        {title}
      </Title>
      {table}
    </Card>
  );
}
