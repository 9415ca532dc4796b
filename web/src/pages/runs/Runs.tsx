/** All runs of all stages, filtered and searched, and the jobs that are open. */
import { Card, Group, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconListDetails, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { agentsQuery } from "@/api/queries";
import { Ago, StageBadge, StatusBadge } from "@/parts/badges";
import { ButtonTo, LinkTo } from "@/parts/links";
import { MoreButton } from "@/parts/MoreButton";
import { PageHead } from "@/parts/PageHead";
import { Sheet } from "@/parts/Sheet";
import { Empty, ProblemAlert, Waiting } from "@/parts/states";
import { STAGES } from "@/stages";
import { agentName, seconds } from "@/words";

import { OpenJobs } from "./OpenJobs";

interface Filters {
  q?: string;
  stage?: string;
  agent?: string;
  status?: string;
  gated?: string;
}

const STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED"] as const;

export function Runs() {
  const { project = "" } = useParams({ strict: false });
  const filters = useSearch({ strict: false }) as Filters;
  const navigate = useNavigate();
  const change = (part: Filters) => void navigate({ to: "/p/$project/runs", params: { project }, search: { ...filters, ...part }, replace: true });
  return (
    <>
      <PageHead title="Runs" says="Everything that a stage did, the newest first; MLflow keeps it." />
      <Stack>
        <OpenJobs project={project} />
        <FilterBar project={project} filters={filters} change={change} />
        <RunTable project={project} filters={filters} />
      </Stack>
    </>
  );
}

function FilterBar({ project, filters, change }: { project: string; filters: Filters; change: (part: Filters) => void }) {
  const agents = useQuery(agentsQuery(project)).data?.items ?? [];
  const [words, setWords] = useState(filters.q ?? "");
  const [settled] = useDebouncedValue(words, 250);
  // only what is typed changes the address
  useEffect(() => {
    if (settled !== (filters.q ?? "")) change({ q: settled || undefined });
  }, [settled]);
  return (
    <Group gap="xs" role="search" aria-label="Filter the runs">
      <TextInput aria-label="Search the runs" placeholder="Search" leftSection={<IconSearch size={15} />} value={words} onChange={(event) => setWords(event.currentTarget.value)} w={200} />
      <Select aria-label="Stage" placeholder="Any stage" clearable data={STAGES.map((view) => ({ value: view.stage, label: `${view.number} ${view.title}` }))} value={filters.stage ?? null} onChange={(stage) => change({ stage: stage ?? undefined })} w={150} />
      <Select aria-label="Agent version" placeholder="Any agent" clearable searchable data={agents.map((item) => agentName(item.agent))} value={filters.agent ?? null} onChange={(agent) => change({ agent: agent ?? undefined })} w={190} />
      <Select aria-label="Status" placeholder="Any status" clearable data={STATUSES.map((status) => ({ value: status, label: status.toLowerCase() }))} value={filters.status ?? null} onChange={(status) => change({ status: status ?? undefined })} w={140} />
      <Select
        aria-label="Gated"
        placeholder="Gated or not"
        clearable
        data={[
          { value: "true", label: "gated" },
          { value: "false", label: "ungated" },
        ]}
        value={filters.gated ?? null}
        onChange={(gated) => change({ gated: gated ?? undefined })}
        w={150}
      />
    </Group>
  );
}

function RunTable({ project, filters }: { project: string; filters: Filters }) {
  const query = useInfiniteQuery({
    queryKey: ["project", project, "runs", "list", filters],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      read(
        api.GET("/api/v1/projects/{project}/runs", {
          params: {
            path: { project },
            query: {
              limit: 50,
              cursor: pageParam,
              q: filters.q,
              stage: filters.stage as Schemas["Stage"] | undefined,
              agent: filters.agent,
              status: filters.status as (typeof STATUSES)[number] | undefined,
              gated: filters.gated === undefined ? undefined : filters.gated === "true",
            },
          },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (before) => before,
  });
  if (query.isError) return <ProblemAlert error={query.error} again={() => void query.refetch()} />;
  if (query.data === undefined) return <Waiting what="the runs" />;
  const rows = query.data.pages.flatMap((page) => page.items);
  if (rows.length === 0)
    return Object.values(filters).some(Boolean) ? (
      <Empty icon={<IconSearch />} title="No run fits">
        Take a filter away.
      </Empty>
    ) : (
      <Empty icon={<IconListDetails />} title="No run yet" action={<ButtonTo to="/p/$project/start" params={{ project }}>Start the lifecycle</ButtonTo>}>
        Each stage leaves a run here with its params, metrics and artifacts.
      </Empty>
    );
  return (
    <>
      <Sheet label="Runs" minWidth={860} columns={["Stage", "Run", "Status", "Agent version", "Dataset", "By", "Begun", "Took"]}>
        {rows.map((run) => (
          <Table.Tr key={run.run_id}>
            <Table.Td>
              <StageBadge stage={run.stage} />
            </Table.Td>
            <Table.Td>
              <LinkTo to="/p/$project/runs/$runId" params={{ project, runId: run.run_id }}>
                {run.name}
              </LinkTo>
              {run.error && (
                <Text size="xs" c="var(--assay-bad)" lineClamp={2}>
                  {run.error}
                </Text>
              )}
            </Table.Td>
            <Table.Td>
              <Group gap={4} wrap="nowrap">
                <StatusBadge status={run.status} />
                {!run.gated && (
                  <Text span size="xs" c="dimmed">
                    ungated
                  </Text>
                )}
              </Group>
            </Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>{agentName(run.agent)}</Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>{run.dataset ? `${run.dataset.name}@${run.dataset.version.slice(0, 7)}` : "–"}</Table.Td>
            <Table.Td>{run.by}</Table.Td>
            <Table.Td>
              <Ago at={run.started_at} />
            </Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>{run.ended_at ? seconds((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000) : "…"}</Table.Td>
          </Table.Tr>
        ))}
      </Sheet>
      <MoreButton query={query} />
      {rows.length > 400 && (
        <Card withBorder padding="xs">
          <Text size="sm" c="dimmed">
            {rows.length} runs are shown. A filter finds one sooner.
          </Text>
        </Card>
      )}
    </>
  );
}
