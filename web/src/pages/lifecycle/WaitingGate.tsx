import { Button, Card, Group, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { useGates } from "@/api/gates";
import { gatesQuery } from "@/api/queries";
import { StageBadge } from "@/parts/badges";
import { GateForm } from "@/parts/GateForm";
import { ButtonTo } from "@/parts/links";
import { keptReason } from "@/parts/reasons";
import { Loaded } from "@/parts/states";

/**
 * The gate that a job waits for, decided in place. `subject`: null while the job waits for none. A gate that somebody
 * else decides while a reason is being typed stays, with their decision.
 */
export function WaitingGate({ project, subject }: { project: string; subject: string | null }) {
  const [held, setHeld] = useState(subject);
  const query = useQuery(gatesQuery(project, "waiting"));
  const gates = useGates(project, held !== null && held !== subject);
  useEffect(() => {
    setHeld((before) => (before !== null && before !== subject && keptReason(project, before) ? before : subject));
  }, [subject]);
  if (held === null) return null;
  return (
    <Loaded query={query} what="the gate">
      {() => {
        const gate = gates.find((item) => item.subject_id === held);
        if (gate === undefined) return null;
        return (
          <Card withBorder component="section" aria-label="The gate that waits" style={{ borderLeft: "4px solid var(--mantine-color-yellow-6)" }}>
            <Group justify="space-between" mb={6}>
              <Group gap="xs">
                <StageBadge stage={gate.stage} />
                <Text size="xs" ff="monospace" c="dimmed">
                  {held}
                </Text>
              </Group>
              <ButtonTo to="/p/$project/gates" params={{ project }} search={{ subject: held }} size="xs" variant="subtle">
                See the evidence
              </ButtonTo>
            </Group>
            <Title order={2} mb="sm">
              {gate.summary || "Is this good enough to go on with?"}
            </Title>
            <GateForm key={held} project={project} gate={gate} done={() => setHeld(subject)} />
            {held !== subject && (
              <Button mt="xs" size="xs" variant="subtle" onClick={() => setHeld(subject)}>
                Leave it as decided
              </Button>
            )}
          </Card>
        );
      }}
    </Loaded>
  );
}
