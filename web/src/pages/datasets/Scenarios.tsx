/** A version's scenarios in a table. Edits stay in the browser until they are saved as a new version. */
import { ActionIcon, Button, Card, Group, Modal, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconCopy, IconPlus, IconSearch, IconTrash } from "@tabler/icons-react";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, newKey, read, type Schemas } from "@/api/client";
import { JobButton } from "@/parts/JobButton";
import { Sheet } from "@/parts/Sheet";

import { blank, changes, copyOf, filtered, type Scenario, type Wanted } from "./scenario";
import { ScenarioEditor } from "./ScenarioEditor";

export function Scenarios({ project, result }: { project: string; result: Schemas["DatasetResult"] }) {
  const stored = result.dataset.scenarios;
  const kept = `assay-dataset-${project}-${result.report.dataset.version}`;
  const [edited, setEdited] = useEdited(kept, stored);
  const [wanted, setWanted] = useState<Wanted>({ words: "", topic: null, persona: null, difficulty: null });
  const [editing, setEditing] = useState<{ scenario: Scenario; place: number | null } | null>(null);
  const shown = filtered(edited, wanted);
  const changed = changes(stored, edited);
  const any = changed.added + changed.changed + changed.gone > 0;
  const values = (of: (scenario: Scenario) => string) => [...new Set(edited.map(of))].sort();
  return (
    <Stack gap="sm">
      <Group gap="xs" role="search" aria-label="Filter the scenarios">
        <TextInput size="xs" aria-label="Search the scenarios" placeholder="Search" leftSection={<IconSearch size={14} />} value={wanted.words} onChange={(event) => setWanted({ ...wanted, words: event.currentTarget.value })} w={160} />
        <Select size="xs" aria-label="Topic" placeholder="Any topic" clearable data={values((scenario) => scenario.topic)} value={wanted.topic} onChange={(topic) => setWanted({ ...wanted, topic })} w={150} />
        <Select size="xs" aria-label="Persona" placeholder="Any persona" clearable data={values((scenario) => scenario.persona.name)} value={wanted.persona} onChange={(persona) => setWanted({ ...wanted, persona })} w={150} />
        <Select size="xs" aria-label="Difficulty" placeholder="Any difficulty" clearable data={["easy", "medium", "hard"]} value={wanted.difficulty} onChange={(difficulty) => setWanted({ ...wanted, difficulty })} w={130} />
        <Button size="xs" variant="light" leftSection={<IconPlus size={14} />} onClick={() => setEditing({ scenario: blank(edited), place: null })}>
          Add
        </Button>
      </Group>
      {any && <Unsaved project={project} result={result} edited={edited} changed={changed} kept={kept} discard={() => setEdited([...stored])} />}
      <Sheet label="Scenarios" minWidth={520} columns={["Scenario", "Goal", "Persona", "Expectations", "Edit"]}>
        {shown.map((scenario) => (
          <Table.Tr key={scenario.scenario_id}>
            <Table.Td>
              <Text component="button" size="sm" c="var(--mantine-color-anchor)" style={{ background: "none", border: 0, padding: 0, cursor: "pointer", textAlign: "left" }} onClick={() => setEditing({ scenario, place: edited.indexOf(scenario) })}>
                {scenario.scenario_id}
              </Text>
              <Text size="xs" c="dimmed">
                {scenario.topic} · {scenario.difficulty}
              </Text>
            </Table.Td>
            <Table.Td>{scenario.goal}</Table.Td>
            <Table.Td>{scenario.persona.name}</Table.Td>
            <Table.Td style={{ whiteSpace: "nowrap" }}>
              {scenario.expectations.length}
              <Text span size="xs" c="dimmed">
                {" "}
                ({scenario.expectations.filter((one) => one.check).length} by code)
              </Text>
            </Table.Td>
            <Table.Td>
              <Group gap={2} wrap="nowrap">
                <ActionIcon variant="subtle" color="gray" aria-label={`Copy ${scenario.scenario_id}`} onClick={() => setEditing({ scenario: copyOf(scenario, edited), place: null })}>
                  <IconCopy size={15} />
                </ActionIcon>
                <ActionIcon variant="subtle" color="gray" aria-label={`Remove ${scenario.scenario_id}`} onClick={() => setEdited(edited.filter((other) => other !== scenario))}>
                  <IconTrash size={15} />
                </ActionIcon>
              </Group>
            </Table.Td>
          </Table.Tr>
        ))}
      </Sheet>
      {shown.length < edited.length && (
        <Text size="sm" c="dimmed">
          {shown.length} of {edited.length} scenarios fit.
        </Text>
      )}
      <ScenarioEditor
        scenario={editing?.scenario ?? null}
        others={edited.filter((_, index) => index !== editing?.place)}
        close={() => setEditing(null)}
        save={(scenario) => {
          setEdited(editing?.place === null || editing === null ? [...edited, scenario] : edited.map((other, index) => (index === editing.place ? scenario : other)));
          setEditing(null);
        }}
      />
    </Stack>
  );
}

function Unsaved({ project, result, edited, changed, kept, discard }: { project: string; result: Schemas["DatasetResult"]; edited: Scenario[]; changed: ReturnType<typeof changes>; kept: string; discard: () => void }) {
  const navigate = useNavigate();
  const [asking, { open: ask, close: stop }] = useDisclosure(false);
  const saved = (job: Schemas["Job"]) => {
    const { name, version } = (job.result as unknown as Schemas["DatasetResult"]).report.dataset;
    discard();
    notifications.show({ color: "teal", title: "Saved", message: `${name}@${version.slice(0, 8)} has your changes.` });
    void navigate({ to: "/p/$project/datasets/$name/$version", params: { project, name, version } });
  };
  const said = [changed.added && `${changed.added} added`, changed.changed && `${changed.changed} changed`, changed.gone && `${changed.gone} removed`].filter(Boolean).join(", ");
  return (
    <Card withBorder padding="xs" style={{ borderLeft: "4px solid var(--mantine-color-yellow-6)" }}>
      <Group justify="space-between">
        <Text size="sm">Not saved: {said}. Kept in this browser until you save or discard.</Text>
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={ask}>
            Discard
          </Button>
          <Modal opened={asking} onClose={stop} title="Discard your changes?">
            <Text size="sm" mb="md">
              {said}. This cannot be undone.
            </Text>
            <Group justify="flex-end">
              <Button variant="default" onClick={stop}>
                Keep them
              </Button>
              <Button color="red" onClick={discard}>
                Discard changes
              </Button>
            </Group>
          </Modal>
          <JobButton
            project={project}
            size="xs"
            titles={{ running: "Saving a new version", done: "The new version is saved", failed: "The new version was not saved" }}
            remember={`${kept}-job`}
            onDone={saved}
            disabled={edited.length === 0}
            start={() =>
              read(
                api.POST("/api/v1/projects/{project}/datasets/{name}/versions", {
                  params: { path: { project, name: result.dataset.name }, header: { "Idempotency-Key": newKey() } },
                  body: { agent: result.agent, scenarios: edited, description: result.dataset.description, threshold: result.report.threshold, gated: result.gated },
                }),
              )
            }
          >
            Save as a new version
          </JobButton>
        </Group>
      </Group>
    </Card>
  );
}

/** The scenarios as they are edited; a reload loses nothing. */
function useEdited(key: string, stored: readonly Scenario[]): [Scenario[], (edited: Scenario[]) => void] {
  const [edited, setEdited] = useState<Scenario[]>(() => {
    try {
      return (JSON.parse(localStorage.getItem(key) ?? "null") as Scenario[] | null) ?? [...stored];
    } catch {
      return [...stored];
    }
  });
  const keep = (now: Scenario[]) => {
    setEdited(now);
    if (JSON.stringify(now) === JSON.stringify(stored)) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(now));
  };
  return [edited, keep];
}
