/** Trials that one side passed and the other did not; each opens both conversations beside each other. */
import { Accordion, Badge, Group, SegmentedControl, Text, Title } from "@mantine/core";
import { useState } from "react";

import type { Schemas } from "@/api/client";
import { TONES } from "@/theme";
import { agentName } from "@/words";

import { SideBySide } from "./SideBySide";

const AT_ONCE = 30;

export function Flips({ project, comparison }: { project: string; comparison: Schemas["ComparisonReport"] }) {
  const broken = comparison.flips.filter((flip) => flip.direction === "broken");
  const fixed = comparison.flips.filter((flip) => flip.direction === "fixed");
  const [direction, setDirection] = useState<"broken" | "fixed">(broken.length > 0 ? "broken" : "fixed");
  const [open, setOpen] = useState<string | null>(null);
  const [most, setMost] = useState(AT_ONCE);
  if (comparison.flips.length === 0) return <Text size="sm">Both sides passed and failed the same trials.</Text>;
  const shown = direction === "broken" ? broken : fixed;
  return (
    <section aria-label="Flips">
      <Group justify="space-between" mb="xs">
        <Title order={2}>Trials that one side passed and the other did not</Title>
        <SegmentedControl
          size="xs"
          aria-label="Which flips"
          value={direction}
          onChange={(value) => setDirection(value as "broken" | "fixed")}
          data={[
            { value: "broken", label: `${broken.length} broken` },
            { value: "fixed", label: `${fixed.length} fixed` },
          ]}
        />
      </Group>
      <Accordion variant="separated" value={open} onChange={setOpen}>
        {shown.slice(0, most).map((flip) => {
          const key = `${flip.scenario_id} ${flip.trial}`;
          return (
            <Accordion.Item key={key} value={key}>
              <Accordion.Control>
                <Group gap="sm" wrap="nowrap">
                  <Badge color={TONES[flip.direction === "fixed" ? "good" : "bad"]} variant="light">
                    {flip.direction}
                  </Badge>
                  <Text size="sm" fw={600} style={{ flexShrink: 0 }}>
                    {flip.scenario_id}, trial {flip.trial}
                  </Text>
                  <Text size="sm" c="dimmed" truncate>
                    {flip.reason}
                  </Text>
                </Group>
              </Accordion.Control>
              <Accordion.Panel>
                {open === key && (
                  <>
                    <Text size="sm" mb="xs">
                      {flip.direction === "broken" ? "The challenger did not pass" : "The champion did not pass"}: {flip.reason}
                    </Text>
                    <SideBySide
                      project={project}
                      left={{ id: flip.champion_conversation, name: `champion ${agentName(comparison.champion)}` }}
                      right={{ id: flip.challenger_conversation, name: `challenger ${agentName(comparison.challenger)}` }}
                    />
                  </>
                )}
              </Accordion.Panel>
            </Accordion.Item>
          );
        })}
      </Accordion>
      {shown.length > most && (
        <Text component="button" size="sm" mt="xs" c="var(--mantine-color-anchor)" style={{ background: "none", border: 0, cursor: "pointer" }} onClick={() => setMost(most + AT_ONCE)}>
          {shown.length - most} more
        </Text>
      )}
    </section>
  );
}
