/** What waits for a decision, with its evidence; what was decided; the ledger. */
import { Button, Card, Grid, Group, NavLink, Stack, Tabs, Text, Title } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import type { Schemas } from "@/api/client";
import { useGates } from "@/api/gates";
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
  const { tab = "waiting" } = useSearch({ strict: false }) as { tab?: string };
  const navigate = useNavigate();
  return (
    <>
      <PageHead title="Gates" says="A stage starts only on approved results. Every decision stays in the ledger; a new one overrules an earlier one." />
      <Tabs value={tab} onChange={(chosen) => void navigate({ to: "/p/$project/gates", params: { project }, search: { tab: chosen ?? undefined }, replace: true })} keepMounted={false}>
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
  // what is being looked at stays when somebody else decides it, so that no typed reason is lost
  const [held, setHeld] = useState<string | undefined>(subject);
  // the list is older than the decision until it is loaded again
  const [left, setLeft] = useState<readonly string[]>([]);
  const gates = useGates(project, true);
  const show = (chosen: string | undefined) => {
    setHeld(chosen);
    // keeps the tab: the person may have opened another one while the decision was stored
    void navigate({ to: "/p/$project/gates", params: { project }, search: (current: Record<string, unknown>) => ({ ...current, subject: chosen }), replace: true });
  };
  const leave = (subject: string) => {
    setLeft([...left, subject]);
    show(undefined);
  };
  return (
    <Loaded query={query} what="the gates">
      {(page) => {
        const waiting = page.items.filter((gate) => !left.includes(gate.subject_id));
        const chosen = gates.find((gate) => gate.subject_id === held) ?? waiting[0];
        if (chosen && held !== chosen.subject_id) setHeld(chosen.subject_id);
        if (chosen === undefined)
          return (
            <Empty icon={<IconShieldCheck />} title="No gate waits for a decision">
              Gated results appear here as soon as their stage has ended.
            </Empty>
          );
        return (
          <Grid>
            <Grid.Col span={{ base: 12, md: 4 }}>
              <nav aria-label="Gates that wait">
                {waiting.map((gate) => (
                  <NavLink
                    key={gate.subject_id}
                    component="button"
                    active={gate.subject_id === chosen.subject_id}
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
            <Grid.Col span={{ base: 12, md: 8 }}><OneGate key={chosen.subject_id} project={project} gate={chosen} done={() => leave(chosen.subject_id)} /></Grid.Col>
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
        <GateForm project={project} gate={gate} done={done} />
        {gate.decision && (
          <Button mt="xs" size="xs" variant="subtle" onClick={done}>
            Leave it as decided
          </Button>
        )}
      </Card>
      <Evidence project={project} stage={gate.stage} subject={gate.subject_id} />
    </Stack>
  );
}
