/** What the Dataset Builder drafted: accepted, changed or thrown out one by one, then saved as a dataset version. */
import { Badge, Card, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconCheck, IconPencil, IconTrash } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas } from "@/api/client";
import { chatKey, useChat } from "@/parts/ChatPanel";
import { JobButton } from "@/parts/JobButton";
import { PermittedButton } from "@/parts/Permitted";
import { ProblemAlert } from "@/parts/states";
import { TONES } from "@/theme";

import { checkWords, type Scenario } from "../scenario";
import { ScenarioEditor } from "../ScenarioEditor";

type Draft = Schemas["DraftState"];
const STATES = { proposed: "unsure", accepted: "good", discarded: "plain" } as const;

export function Drafts({ project, chatId }: { project: string; chatId: string }) {
  const { query } = useChat(chatId);
  const [editing, setEditing] = useState<Draft | null>(null);
  const queries = useQueryClient();
  const decide = useMutation({
    mutationFn: ({ number, ...body }: { number: number; decision: Schemas["DraftDecision"]["decision"]; scenario?: Scenario }) =>
      read(api.POST("/api/v1/chats/{chat_id}/drafts/{number}", { params: { path: { chat_id: chatId, number } }, body })),
    onSuccess: (chat) => {
      queries.setQueryData(chatKey(chatId), chat);
      setEditing(null);
    },
  });
  const drafts = query.data?.drafts ?? [];
  if (drafts.length === 0) return null;
  const accepted = drafts.filter((draft) => draft.state === "accepted");
  const proposed = drafts.filter((draft) => draft.state === "proposed");
  return (
    <section aria-label="Drafts">
      <Group justify="space-between" mb="xs">
        <Title order={2}>
          Drafts: {proposed.length} to look at, {accepted.length} accepted
        </Title>
        {proposed.length > 1 && (
          <PermittedButton project={project} size="xs" variant="light" loading={decide.isPending} onClick={() => void acceptAll(proposed, decide.mutateAsync)}>
            Accept all {proposed.length}
          </PermittedButton>
        )}
      </Group>
      {decide.isError && editing === null && <ProblemAlert error={decide.error} />}
      <Stack gap="xs">
        {drafts.map((draft) => (
          <DraftCard key={draft.number} draft={draft} decide={(decision) => decide.mutate({ number: draft.number, decision })} edit={() => {
              decide.reset();
              setEditing(draft);
            }}
            project={project} />
        ))}
      </Stack>
      {accepted.length > 0 && <Save project={project} chatId={chatId} accepted={accepted.length} />}
      <ScenarioEditor
        scenario={editing?.scenario ?? null}
        others={drafts.filter((draft) => draft !== editing && draft.state !== "discarded").map((draft) => draft.scenario)}
        close={() => {
          setEditing(null);
          decide.reset();
        }}
        save={(scenario) => editing && decide.mutate({ number: editing.number, decision: "change", scenario })}
        error={editing === null ? undefined : decide.error}
        saving={decide.isPending}
      />
    </section>
  );
}

async function acceptAll(drafts: readonly Draft[], decide: (asked: { number: number; decision: "accept" }) => Promise<unknown>) {
  for (const draft of drafts) await decide({ number: draft.number, decision: "accept" });
}

function DraftCard({ project, draft, decide, edit }: { project: string; draft: Draft; decide: (decision: "accept" | "discard") => void; edit: () => void }) {
  const { scenario, state } = draft;
  return (
    <Card withBorder padding="sm" component="article" aria-label={`Draft ${scenario.scenario_id}`} opacity={state === "discarded" ? 0.75 : 1}>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <div style={{ minWidth: 0 }}>
          <Group gap={6} mb={4}>
            <Text fw={600} size="sm">
              {scenario.scenario_id}
            </Text>
            <Badge color={TONES[STATES[state]]} variant="light">
              {state}
            </Badge>
            <Text size="xs" c="dimmed">
              {scenario.topic} · {scenario.persona.name} · {scenario.difficulty}
            </Text>
          </Group>
          <Text size="sm">{scenario.goal}</Text>
          {state !== "discarded" &&
            scenario.expectations.map((expectation) => (
              <Text size="xs" c="dimmed" key={expectation.expectation_id}>
                {expectation.kind === "must" ? "must" : "must not"}: {expectation.text} ({checkWords(expectation.check)})
              </Text>
            ))}
        </div>
        <Group gap={4} wrap="nowrap">
          {state !== "accepted" && (
            <PermittedButton project={project} size="compact-xs" variant="light" color="teal" leftSection={<IconCheck size={13} />} onClick={() => decide("accept")} aria-label={`Accept ${scenario.scenario_id}`}>
              Accept
            </PermittedButton>
          )}
          <PermittedButton project={project} size="compact-xs" variant="default" leftSection={<IconPencil size={13} />} onClick={edit} aria-label={`Change ${scenario.scenario_id}`}>
            Change
          </PermittedButton>
          {state !== "discarded" && (
            <PermittedButton project={project} size="compact-xs" variant="default" leftSection={<IconTrash size={13} />} onClick={() => decide("discard")} aria-label={`Discard ${scenario.scenario_id}`}>
              Discard
            </PermittedButton>
          )}
        </Group>
      </Group>
    </Card>
  );
}

function Save({ project, chatId, accepted }: { project: string; chatId: string; accepted: number }) {
  const [name, setName] = useState("");
  return (
    <Group mt="sm" align="flex-end">
      <TextInput label="Name of the dataset" placeholder="the agent's name" size="xs" value={name} onChange={(event) => setName(event.currentTarget.value.trim())} />
      <JobButton
        project={project}
        size="xs"
        titles={{ running: "Saving the dataset", done: "The dataset is saved", failed: "The dataset was not saved" }}
        start={() => read(api.POST("/api/v1/chats/{chat_id}/save", { params: { path: { chat_id: chatId }, header: { "Idempotency-Key": newKey() } }, body: { name: name || null, threshold: 0.8, gated: false } }))}
      >
        {accepted === 1 ? "Save 1 scenario" : `Save ${accepted} scenarios`}
      </JobButton>
    </Group>
  );
}
