/** One project: the eight stages, where each agent version stands, what waits for whom. */
import { Badge, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { IconRocket } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { lifecycleQuery } from "@/api/queries";
import { Ago, StageBadge, StatusBadge } from "@/parts/badges";
import { ButtonTo, LinkTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { StartButton } from "@/parts/Permitted";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";
import { resultPlace } from "@/places";
import { stageView, STAGES } from "@/stages";
import { agentName, count } from "@/words";

import { StageLine } from "./StageLine";
import { nextStep } from "./standing";

export function Lifecycle() {
  const { project = "" } = useParams({ strict: false });
  const query = useQuery(lifecycleQuery(project));
  return (
    <>
      <PageHead title={project} says="The lifecycle: from a scenario to a gated verdict, into production and back.">
        <StartButton project={project} leftSection={<IconRocket size={16} />} />
      </PageHead>
      <Loaded query={query} what={`the lifecycle of ${project}`}>
        {(lifecycle) => <Standing project={project} lifecycle={lifecycle} />}
      </Loaded>
    </>
  );
}

function Standing({ project, lifecycle }: { project: string; lifecycle: Schemas["Lifecycle"] }) {
  if (nextStep(lifecycle) === "start")
    return (
      <Empty
        icon={<IconRocket />}
        title="Nothing here yet"
        action={<StartButton project={project} />}
      >
        Add an agent and test scenarios, or a brief for the Dataset Builder. Or take it stage by stage: register the agent first, under Agents.
      </Empty>
    );
  return (
    <Stack gap="lg">
      <StageLine project={project} lifecycle={lifecycle} />
      {lifecycle.gates.length > 0 && <WaitingGates project={project} gates={lifecycle.gates} />}
      {lifecycle.jobs.length > 0 && <OpenJobs project={project} jobs={lifecycle.jobs} />}
      <Newest project={project} stages={lifecycle.stages} />
      <Versions project={project} agents={lifecycle.agents} />
    </Stack>
  );
}

function WaitingGates({ project, gates }: { project: string; gates: readonly Schemas["GateState"][] }) {
  return (
    <Card withBorder component="section" aria-label="Gates that wait" style={{ borderLeft: "4px solid var(--mantine-color-yellow-6)" }}>
      <Title order={2} mb="xs">
        {gates.length === 1 ? "A gate waits for a decision" : `${gates.length} gates wait for a decision`}
      </Title>
      <Stack gap="xs">
        {gates.slice(0, 5).map((gate) => (
          <Group key={gate.subject_id} justify="space-between" wrap="nowrap">
            <Group gap="xs" style={{ minWidth: 0 }}>
              <StageBadge stage={gate.stage} />
              <Text size="sm" truncate>
                {gate.summary || gate.subject_id}
              </Text>
            </Group>
            <ButtonTo to="/p/$project/gates" params={{ project }} search={{ subject: gate.subject_id }} size="xs" variant="light">
              Decide
            </ButtonTo>
          </Group>
        ))}
      </Stack>
    </Card>
  );
}

function OpenJobs({ project, jobs }: { project: string; jobs: readonly Schemas["Job"][] }) {
  return (
    <Card withBorder component="section" aria-label="Jobs">
      <Title order={2} mb="xs">
        At work
      </Title>
      <Stack gap="xs">
        {jobs.map((job) => (
          <Group key={job.job_id} justify="space-between" wrap="nowrap">
            <Group gap="xs" style={{ minWidth: 0 }}>
              <StatusBadge status={job.status} />
              <Text size="sm" truncate>
                {job.kind.replaceAll("_", " ")}
                {job.progress.stage ? `, ${job.progress.stage}` : ""}
                {job.progress.total > 0 ? `, ${count(job.progress.done)} of ${count(job.progress.total)}` : ""}
                {job.progress.waiting_for ? ", waits at a gate" : ""}
              </Text>
            </Group>
            <ButtonTo to="/p/$project/jobs/$jobId" params={{ project, jobId: job.job_id }} size="xs" variant="light">
              Watch
            </ButtonTo>
          </Group>
        ))}
      </Stack>
    </Card>
  );
}

function Newest({ project, stages }: { project: string; stages: readonly Schemas["StageState"][] }) {
  const some = stages.filter((state) => state.newest);
  if (some.length === 0) return null;
  return (
    <section aria-label="Newest results">
      <Title order={2} mb="xs">
        Newest results
      </Title>
      <Sheet label="Newest results of the stages" minWidth={620} columns={["Stage", "What it found", "Agent version", "When"]}>
        {some.map(({ stage, newest, headline }) => {
          const place = newest && resultPlace(project, stage, newest.subject_id);
          return (
            <Table.Tr key={stage}>
              <Table.Td>
                <StageBadge stage={stage} />
              </Table.Td>
              <Table.Td>{place ? <LinkTo {...place}>{headline || stageView(stage).says}</LinkTo> : headline}</Table.Td>
              <Table.Td style={{ whiteSpace: "nowrap" }}>{agentName(newest?.agent)}</Table.Td>
              <Table.Td>{newest && <Ago at={newest.started_at} />}</Table.Td>
            </Table.Tr>
          );
        })}
      </Sheet>
    </section>
  );
}

function Versions({ project, agents }: { project: string; agents: readonly Schemas["AgentItem"][] }) {
  if (agents.length === 0) return null;
  return (
    <section aria-label="Agent versions">
      <Title order={2} mb="xs">
        Where each agent version stands
      </Title>
      <Sheet label="Agent versions and the stage they reached" minWidth={620} columns={["Agent version", "Reached", "Registry", "Registered"]}>
        {agents.map((item) => (
          <Table.Tr key={agentName(item.agent)}>
            <Table.Td>
              <LinkTo to="/p/$project/agents" params={{ project }} search={{ agent: agentName(item.agent) }}>
                {agentName(item.agent)}
              </LinkTo>
            </Table.Td>
            <Table.Td>{item.reached ? <Reached stage={item.reached} /> : "–"}</Table.Td>
            <Table.Td>
              <Badge variant={item.registry_stage === "Production" ? "filled" : "light"} color={item.registry_stage === "None" ? "gray" : "lagoon"} tt="none">
                {item.registry_stage}
              </Badge>
            </Table.Td>
            <Table.Td>
              <Ago at={item.registered_at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Sheet>
    </section>
  );
}

/** Eight dots, filled as far as it came, with the stage's name. */
function Reached({ stage }: { stage: Schemas["Stage"] }) {
  const { number, title } = stageView(stage);
  return (
    <Group gap={8} wrap="nowrap">
      <svg width={STAGES.length * 11} height={10} aria-hidden>
        {STAGES.map((view) => (
          <circle key={view.stage} cx={5 + (view.number - 1) * 11} cy={5} r={4} fill={view.number <= number ? "var(--mantine-primary-color-filled)" : "none"} stroke="var(--mantine-primary-color-filled)" />
        ))}
      </svg>
      <Text size="sm" style={{ whiteSpace: "nowrap" }}>
        {number} {title}
      </Text>
    </Group>
  );
}
