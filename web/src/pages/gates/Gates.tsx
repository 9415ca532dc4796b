/** What waits for a decision, with its evidence; what was decided; the ledger. */
import { Card, Grid, Group, NavLink, Stack, Tabs, Text, Title } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { gatesQuery } from "@/api/queries";
import { StageBadge } from "@/parts/badges";
import { GateForm } from "@/parts/GateForm";
import { PageHead } from "@/parts/PageHead";
import { Empty, Loaded } from "@/parts/states";

import { Decided } from "./Decided";
import { Evidence } from "./Evidence";
import { LedgerTable } from "./LedgerTable";

export function Gates() {
  const { project = "" } = useParams({ strict: false });
  return (
    <>
      <PageHead title="Gates" says="No stage starts on a result that nobody has approved. What is decided here stands in the ledger for good." />
      <Tabs defaultValue="waiting" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="waiting">Waiting</Tabs.Tab>
          <Tabs.Tab value="decided">Decided</Tabs.Tab>
          <Tabs.Tab value="ledger">Ledger</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="waiting">
          <Waiting project={project} />
        </Tabs.Panel>
        <Tabs.Panel value="decided">
          <Decided project={project} />
        </Tabs.Panel>
        <Tabs.Panel value="ledger">
          <LedgerTable project={project} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Waiting({ project }: { project: string }) {
  const query = useQuery(gatesQuery(project, "waiting"));
  const { subject } = useSearch({ strict: false }) as { subject?: string };
  const navigate = useNavigate();
  const show = (chosen: string | undefined) => void navigate({ to: "/p/$project/gates", params: { project }, search: { subject: chosen }, replace: true });
  return (
    <Loaded query={query} what="the gates">
      {(page) => {
        if (page.items.length === 0)
          return (
            <Empty icon={<IconShieldCheck />} title="Nothing waits">
              Gated results appear here as soon as their stage has ended.
            </Empty>
          );
        const chosen = page.items.find((gate) => gate.subject_id === subject) ?? page.items[0];
        return (
          <Grid>
            <Grid.Col span={{ base: 12, md: 4 }}>
              <nav aria-label="Gates that wait">
                {page.items.map((gate) => (
                  <NavLink
                    key={gate.subject_id}
                    component="button"
                    active={gate === chosen}
                    onClick={() => show(gate.subject_id)}
                    label={
                      <Stack gap={4}>
                        <StageBadge stage={gate.stage} />
                        <Text size="sm" lineClamp={2}>
                          {gate.summary || gate.subject_id}
                        </Text>
                      </Stack>
                    }
                  />
                ))}
              </nav>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 8 }}>{chosen && <OneGate key={chosen.subject_id} project={project} gate={chosen} done={() => show(undefined)} />}</Grid.Col>
          </Grid>
        );
      }}
    </Loaded>
  );
}

function OneGate({ project, gate, done }: { project: string; gate: Schemas["GateState"]; done: () => void }) {
  return (
    <Stack>
      <Card withBorder>
        <Group gap="xs" mb={6}>
          <StageBadge stage={gate.stage} />
          <Text size="xs" ff="monospace" c="dimmed">
            {gate.subject_id}
          </Text>
        </Group>
        <Title order={2} mb="sm" style={{ textWrap: "pretty" }}>
          {gate.summary || "Is this good enough to go on with?"}
        </Title>
        <GateForm project={project} stage={gate.stage} subject={gate.subject_id} done={done} />
      </Card>
      <Evidence project={project} stage={gate.stage} subject={gate.subject_id} />
    </Stack>
  );
}
