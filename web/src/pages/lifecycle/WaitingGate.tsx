import { Card, Group, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { gatesQuery } from "@/api/queries";
import { StageBadge } from "@/parts/badges";
import { GateForm } from "@/parts/GateForm";
import { ButtonTo } from "@/parts/links";
import { Loaded } from "@/parts/states";

/** The gate that a job waits for, to be decided in place. */
export function WaitingGate({ project, subject }: { project: string; subject: string }) {
  const query = useQuery(gatesQuery(project, "waiting"));
  return (
    <Loaded query={query} what="the gate">
      {(page) => {
        const gate = page.items.find((item) => item.subject_id === subject);
        if (gate === undefined) return null;
        return (
          <Card withBorder component="section" aria-label="The gate that waits" style={{ borderLeft: "4px solid var(--mantine-color-yellow-6)" }}>
            <Group justify="space-between" mb={6}>
              <Group gap="xs">
                <StageBadge stage={gate.stage} />
                <Text size="xs" ff="monospace" c="dimmed">
                  {subject}
                </Text>
              </Group>
              <ButtonTo to="/p/$project/gates" params={{ project }} search={{ subject }} size="xs" variant="subtle">
                See the evidence
              </ButtonTo>
            </Group>
            <Title order={2} mb="sm">
              {gate.summary || "Is this good enough to go on with?"}
            </Title>
            <GateForm key={subject} project={project} stage={gate.stage} subject={subject} />
          </Card>
        );
      }}
    </Loaded>
  );
}
