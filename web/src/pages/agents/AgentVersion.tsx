/** One version: what the probe found, how it moved through the registry, its card. */
import { Card, Code, Group, Stack, Table, Text, Timeline, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, read, type Schemas } from "@/api/client";
import { ToneBadge } from "@/parts/badges";
import { ButtonTo } from "@/parts/links";
import { Loaded } from "@/parts/states";
import { seconds, when } from "@/words";

const FINDINGS = { yes: "good", no: "unsure", unknown: "plain" } as const;

export function AgentVersion({ project, agent }: { project: string; agent: string }) {
  const [name = "", version = ""] = agent.split("@");
  const query = useQuery({
    queryKey: ["project", project, "runs", "agent", agent],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/agents/{agent}@{version}", { params: { path: { project, agent: name, version } } })),
  });
  return (
    <Loaded query={query} what="the version">
      {(detail) => (
        <Stack>
          <Text size="sm">{detail.version.card.description}</Text>
          <Group gap="xs">
            {detail.agent.run_id && (
              <ButtonTo size="xs" variant="light" to="/p/$project/runs/$runId" params={{ project, runId: detail.agent.run_id }}>
                Its run
              </ButtonTo>
            )}
            <ButtonTo size="xs" variant="light" to="/p/$project/conversations" params={{ project }} search={{ agent }}>
              Its conversations
            </ButtonTo>
            <ButtonTo size="xs" variant="light" to="/p/$project/datasets" params={{ project }} search={{ agent }}>
              Build a dataset for it
            </ButtonTo>
          </Group>
          <Probe probe={detail.version.probe} />
          <Moves transitions={detail.transitions} />
          <Card withBorder padding="sm">
            <Title order={2} mb="xs">
              Card
            </Title>
            <Code block mah={460} style={{ overflow: "auto" }} tabIndex={0}>
              {JSON.stringify(detail.version.card, null, 2)}
            </Code>
          </Card>
        </Stack>
      )}
    </Loaded>
  );
}

function Probe({ probe }: { probe: Schemas["ProbeReport"] | null | undefined }) {
  return (
    <Card withBorder padding="sm" component="section" aria-label="Probe">
      <Group justify="space-between" mb="xs">
        <Title order={2}>Probe</Title>
        {probe && (
          <Text size="xs" c="dimmed">
            median latency {seconds(probe.latency_s)}
          </Text>
        )}
      </Group>
      {!probe ? (
        <Text size="sm" c="dimmed">
          It was registered without being probed.
        </Text>
      ) : (
        <Table fz="sm" withRowBorders={false} verticalSpacing={3}>
          <Table.Tbody>
            {probe.checks.map((check) => (
              <Table.Tr key={check.name}>
                <Table.Td w={120} valign="top">
                  {check.name.replaceAll("_", " ")}
                </Table.Td>
                <Table.Td w={90} valign="top">
                  <ToneBadge tone={FINDINGS[check.finding]}>{check.finding}</ToneBadge>
                </Table.Td>
                <Table.Td>{check.detail}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  );
}

export function Moves({ transitions }: { transitions: readonly Schemas["Transition"][] }) {
  if (transitions.length === 0) return null;
  return (
    <Card withBorder padding="sm" component="section" aria-label="Moves through the registry">
      <Title order={2} mb="sm">
        Through the registry
      </Title>
      <Timeline active={transitions.length} bulletSize={14} lineWidth={2}>
        {transitions.map((move, index) => (
          <Timeline.Item key={index} title={`${move.from_stage} to ${move.to_stage}`}>
            <Text size="sm">
              {move.by}: {move.reason}
            </Text>
            <Text size="xs" c="dimmed">
              {when(move.at)}
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
    </Card>
  );
}
