import { Accordion, Group, Progress, Stack, Text } from "@mantine/core";

import type { Schemas } from "@/api/client";
import { LinkTo } from "@/parts/links";
import { count, percent } from "@/words";

/** Clusters of failures and the error budget, each with the conversations behind it. */
export function Failures({ project, analytics }: { project: string; analytics: Schemas["AnalyticsReport"] }) {
  const blamed = analytics.attributions.filter((row) => row.conversations > 0);
  if (analytics.clusters.length + blamed.length === 0) return <Text size="sm">Nothing failed.</Text>;
  return (
    <section aria-label="Failures, conversation by conversation">
      <Accordion variant="separated" multiple>
        {analytics.clusters.map((cluster) => (
          <Accordion.Item key={cluster.name} value={`cluster ${cluster.name}`}>
            <Accordion.Control>
              <Group wrap="nowrap" gap="md">
                <Text size="sm" fw={600} style={{ flex: 1 }}>
                  {cluster.name}
                </Text>
                <Progress value={100 * cluster.share_of_failures} w={110} aria-label={`Share of failures of ${cluster.name}`} />
                <Text size="xs" c="dimmed" w={150} ta="right">
                  {count(cluster.conversations)}, {percent(cluster.share_of_failures, 0)} of failures
                </Text>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Text size="sm" mb="xs">
                {cluster.description}
              </Text>
              <Conversations project={project} ids={cluster.conversation_ids} of={cluster.conversations} />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
        {blamed.map((row) => (
          <Accordion.Item key={row.blamed} value={`blamed ${row.blamed}`}>
            <Accordion.Control>
              <Group wrap="nowrap" gap="md">
                <Text size="sm" fw={600} style={{ flex: 1 }}>
                  Put down to: {row.blamed.replaceAll("_", " ")}
                </Text>
                <Text size="xs" c="dimmed" ta="right">
                  {count(row.conversations)} conversations
                </Text>
              </Group>
            </Accordion.Control>
            <Accordion.Panel>
              <Conversations project={project} ids={row.conversation_ids} of={row.conversations} />
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </section>
  );
}

export function Conversations({ project, ids, of }: { project: string; ids: readonly string[]; of: number }) {
  return (
    <Stack gap={4}>
      <Group gap="xs">
        {ids.map((id) => (
          <LinkTo key={id} to="/p/$project/conversations/$conversationId" params={{ project, conversationId: id }} fz="sm" ff="monospace">
            {id.slice(0, 8)}
          </LinkTo>
        ))}
      </Group>
      {ids.length < of && (
        <Text size="xs" c="dimmed">
          {ids.length} of {of} are listed.
        </Text>
      )}
    </Stack>
  );
}
