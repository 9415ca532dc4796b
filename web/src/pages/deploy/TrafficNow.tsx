/** Who gets which share of the traffic now, how the guardrails are, and what a person may do. */
import { Alert, Badge, Button, Card, Group, Modal, Progress, Stack, Table, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { meQuery } from "@/api/queries";
import { change, type Measure, suffixOf } from "@/measures";
import { ToneBadge } from "@/parts/badges";
import { tied } from "@/parts/prose";
import { Sheet } from "@/parts/Sheet";
import { Loaded, ProblemAlert } from "@/parts/states";
import { useMeasures } from "@/parts/useMeasures";
import { mayDecide } from "@/roles";
import { agentName, ago, count, percent, seconds } from "@/words";

import { allowed, type Change, CHANGES } from "./changes";
import { GuardrailCurves } from "./GuardrailCurves";
import { looksQuery, trafficQuery } from "./queries";

const STATES: Record<Schemas["RolloutState"], { word: string; colour: string }> = {
  planned: { word: "planned", colour: "gray" },
  running: { word: "running", colour: "blue" },
  paused: { word: "paused", colour: "yellow" },
  completed: { word: "completed", colour: "teal" },
  rolled_back: { word: "rolled back", colour: "red" },
};
const CALLS = { good: "good", worse: "bad", undecided: "unsure" } as const;

export function TrafficNow({ project, traffic }: { project: string; traffic: Schemas["Traffic"] }) {
  const looks = useQuery(looksQuery(project));
  const state = STATES[traffic.state];
  return (
    <Card withBorder component="section" aria-label="Traffic">
      <Group justify="space-between" mb="sm">
        <Group gap="sm">
          <Title order={2}>In production</Title>
          <Badge color={state.colour} variant="light" size="lg">
            {state.word}
          </Badge>
          {traffic.shadow && (
            <Badge color="violet" variant="light">
              shadow: the challenger answers, nobody is told
            </Badge>
          )}
        </Group>
        <Changes project={project} traffic={traffic} />
      </Group>
      <Arms traffic={traffic} />
      <Steps traffic={traffic} />
      <Loaded query={looks} what="the guardrails">
        {(found) => <Guardrails project={project} looks={found.looks} />}
      </Loaded>
    </Card>
  );
}

function Arms({ traffic }: { traffic: Schemas["Traffic"] }) {
  const share = 100 * traffic.share;
  return (
    <Stack gap={4} mb="md">
      <Progress.Root size={22} aria-label="Shares of the traffic">
        <Progress.Section value={100 - share} color="gray.7" aria-label={`Champion ${100 - share} %`}>
          {share < 85 && <Progress.Label>champion {(100 - share).toFixed(0)} %</Progress.Label>}
        </Progress.Section>
        <Progress.Section value={share} color="lagoon.7" aria-label={`Challenger ${share} %`}>
          {share > 15 && <Progress.Label>challenger {share.toFixed(0)} %</Progress.Label>}
        </Progress.Section>
      </Progress.Root>
      <Group justify="space-between">
        <Text size="xs" c="dimmed">
          {agentName(traffic.champion.agent)} at {traffic.champion.url}
        </Text>
        {traffic.challenger && (
          <Text size="xs" c="dimmed">
            {agentName(traffic.challenger.agent)} at {traffic.challenger.url}
          </Text>
        )}
      </Group>
    </Stack>
  );
}

function Steps({ traffic }: { traffic: Schemas["Traffic"] }) {
  return (
    <Group component="ol" gap={0} p={0} mb="md" style={{ listStyle: "none" }} aria-label="Steps" wrap="wrap">
      {traffic.steps.map((step, index) => {
        const here = index === traffic.step;
        const done = index < traffic.step || traffic.state === "completed";
        return (
          <li key={index} aria-current={here ? "step" : undefined} style={{ flex: "1 1 120px", borderTop: `3px ${done || here ? "solid" : "dashed"} ${done ? "var(--assay-good)" : here ? "var(--mantine-color-blue-6)" : "var(--mantine-color-default-border)"}`, padding: "6px 4px" }}>
            <Text size="sm" fw={here ? 650 : 400}>
              {percent(step.share, 0)} {done ? "✓" : here ? "now" : ""}
            </Text>
            <Text size="xs" c="dimmed">
              {[step.min_conversations > 0 && `≥ ${count(step.min_conversations)} conversations`, step.min_duration_s > 0 && `≥ ${seconds(step.min_duration_s)}`].filter(Boolean).join(", ") || "no least"}
              {here && traffic.step_at ? `; since ${ago(traffic.step_at)}` : ""}
            </Text>
          </li>
        );
      })}
    </Group>
  );
}

function Guardrails({ project, looks }: { project: string; looks: readonly Schemas["RolloutEvaluation"][] }) {
  const measureOf = useMeasures();
  const last = looks.at(-1);
  if (last === undefined)
    return (
      <Group justify="space-between">
        <Text size="sm" c="dimmed">
          Nobody has looked at the guardrails yet. A schedule does it by itself: assay schedule add.
        </Text>
        <Look project={project} />
      </Group>
    );
  return (
    <Stack gap="sm">
      <Alert variant="light" color={last.action === "roll_back" || last.action === "stop" ? "red" : last.action === "wait" || last.action === "none" ? "gray" : "teal"} title={`Looked ${ago(last.at)}, at ${count(last.champion)} and ${count(last.challenger)} conversations`}>
        {tied(last.words)}.{last.missing.length > 0 && ` It waits for: ${last.missing.join("; ")}.`}
        {last.split_p != null && last.split_p < 0.001 && " The traffic is not split as planned."}
      </Alert>
      <Sheet label="Guardrails" columns={["Guardrail", "State", "Challenger minus champion", "In words"]}>
        {last.guardrails.map((rail) => (
          <Table.Tr key={rail.measure}>
            <Table.Td>{measureOf(rail.measure).label}</Table.Td>
            <Table.Td>
              <ToneBadge tone={CALLS[rail.call]}>{rail.call}</ToneBadge>
            </Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>
              {difference(rail, measureOf(rail.measure))} <span className="assay-dimmed">n {count(rail.champion + rail.challenger)}</span>
            </Table.Td>
            <Table.Td>{tied(rail.words)}</Table.Td>
          </Table.Tr>
        ))}
      </Sheet>
      <GuardrailCurves looks={looks} />
      <Group>
        <Look project={project} />
      </Group>
    </Stack>
  );
}

function difference(rail: Schemas["GuardrailState"], measure: Measure): string {
  if (rail.value == null || rail.low == null || rail.high == null) return "not known yet";
  return `${change(measure, rail.value)} (${change(measure, rail.low)} to ${change(measure, rail.high)}${suffixOf(measure)})`;
}

function Look({ project }: { project: string }) {
  const queries = useQueryClient();
  const me = useQuery(meQuery).data;
  const look = useMutation({
    mutationFn: () => read(api.POST("/api/v1/projects/{project}/traffic/look", { params: { path: { project } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["project", project, "traffic"] }),
  });
  return (
    <>
      <Button size="xs" variant="default" loading={look.isPending} disabled={!me || !mayDecide(me, project)} onClick={() => look.mutate()}>
        Look now, and do what follows
      </Button>
      {look.isError && <ProblemAlert error={look.error} />}
    </>
  );
}

function Changes({ project, traffic }: { project: string; traffic: Schemas["Traffic"] }) {
  const me = useQuery(meQuery).data;
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Change | null>(null);
  const [reason, setReason] = useState("");
  const change = useMutation({
    mutationFn: (what: Change) => read(api.POST("/api/v1/projects/{project}/traffic/{change}", { params: { path: { project, change: what } }, body: { reason: reason.trim() } })),
    onSuccess: (now) => {
      queries.setQueryData(trafficQuery(project).queryKey, now as Schemas["Traffic"]);
      setAsked(null);
      setReason("");
    },
  });
  const may = me !== undefined && mayDecide(me, project);
  return (
    <Group gap="xs">
      {allowed(traffic).map((what) => (
        <Button key={what} size="xs" variant={what === "advance" || what === "resume" ? "filled" : "light"} color={what === "roll_back" ? "red" : undefined} disabled={!may} onClick={() => setAsked(what)}>
          {CHANGES[what].label(traffic)}
        </Button>
      ))}
      <Modal opened={asked !== null} onClose={() => setAsked(null)} title={asked ? CHANGES[asked].label(traffic) : ""}>
        {asked && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (reason.trim()) change.mutate(asked);
            }}
          >
            <Stack>
              <Text size="sm">{CHANGES[asked].says(traffic)}</Text>
              <Textarea label="Reason" description={`It stands in the ledger, under ${me?.name}.`} value={reason} onChange={(event) => setReason(event.currentTarget.value)} autosize minRows={2} data-autofocus required />
              {change.isError && <ProblemAlert error={change.error} />}
              <Group>
                <Button type="submit" color={asked === "roll_back" ? "red" : undefined} loading={change.isPending} disabled={!reason.trim()}>
                  {CHANGES[asked].label(traffic)}
                </Button>
              </Group>
            </Stack>
          </form>
        )}
      </Modal>
    </Group>
  );
}
