/** All of one scenario, to be changed. What is wrong is said beside its field before anything is sent. */
import { ActionIcon, Button, Card, Drawer, Group, NumberInput, SegmentedControl, Select, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";

import { ProblemAlert } from "@/parts/states";

import { ExpectationFields } from "./ExpectationFields";
import { problemsOf, type Scenario } from "./scenario";

interface Editing {
  others: readonly Scenario[];
  close: () => void;
  save: (scenario: Scenario) => void;
  /** The server's answer to the last `save`, if it was refused. */
  error?: unknown;
  saving?: boolean;
}

export function ScenarioEditor({ scenario, close, ...rest }: { scenario: Scenario | null } & Editing) {
  return (
    <Drawer opened={scenario !== null} onClose={close} position="right" size="lg" title={scenario?.scenario_id ?? ""}>
      {scenario !== null && <Form key={scenario.scenario_id} scenario={scenario} close={close} {...rest} />}
    </Drawer>
  );
}

function Form({ scenario, others, save, close, error, saving = false }: { scenario: Scenario } & Editing) {
  const [now, setNow] = useState(scenario);
  const [tried, setTried] = useState(false);
  const [facts, setFacts] = useState<[string, string][]>(Object.entries(scenario.facts ?? {}));
  const [world, setWorld] = useState(scenario.initial_state ? JSON.stringify(scenario.initial_state, null, 2) : "");
  const change = (part: Partial<Scenario>) => setNow((before) => ({ ...before, ...part }));
  const problems = problemsOf(now, others);
  const worldProblem = world.trim() && !isObject(world) ? "Not a JSON object" : undefined;
  const shown = tried ? problems : {};
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (Object.keys(problems).length > 0 || worldProblem) return;
        save({ ...now, facts: Object.fromEntries(facts.filter(([name]) => name.trim())), initial_state: world.trim() ? (JSON.parse(world) as Scenario["initial_state"]) : null });
      }}
    >
      <Stack gap="sm">
        <SimpleGrid cols={2} spacing="sm">
          <TextInput label="Name" value={now.scenario_id} error={shown.scenario_id} onChange={(event) => change({ scenario_id: event.currentTarget.value.trim() })} />
          <TextInput label="Topic" value={now.topic} error={shown.topic} onChange={(event) => change({ topic: event.currentTarget.value.trim() })} />
        </SimpleGrid>
        <Textarea label="Goal" description="What the user wants, as the user would put it." autosize minRows={2} value={now.goal} error={shown.goal} onChange={(event) => change({ goal: event.currentTarget.value })} />
        <Textarea label="Opening" description="The user's first words. Empty: the simulator finds its own." autosize value={now.opening ?? ""} onChange={(event) => change({ opening: event.currentTarget.value || null })} />
        <SimpleGrid cols={2} spacing="sm">
          <Select label="Difficulty" allowDeselect={false} data={["easy", "medium", "hard"]} value={now.difficulty} onChange={(value) => change({ difficulty: value as Scenario["difficulty"] })} />
          <NumberInput label="Agent turns at most" min={1} max={200} value={now.max_turns} onChange={(value) => change({ max_turns: Number(value) || 1 })} />
        </SimpleGrid>
        <Card withBorder padding="sm">
          <Title order={3} mb="xs">
            Persona
          </Title>
          <SimpleGrid cols={2} spacing="sm">
            <TextInput label="Persona" value={now.persona.name} error={shown.persona} onChange={(event) => change({ persona: { ...now.persona, name: event.currentTarget.value.trim() } })} />
            <TextInput label="Language" value={now.persona.language} onChange={(event) => change({ persona: { ...now.persona, language: event.currentTarget.value.trim() } })} />
          </SimpleGrid>
          <Textarea mt="xs" label="Description" autosize value={now.persona.description} onChange={(event) => change({ persona: { ...now.persona, description: event.currentTarget.value } })} />
        </Card>
        <Card withBorder padding="sm">
          <Group justify="space-between" mb="xs">
            <Title order={3}>What the user knows</Title>
            <Button size="compact-xs" variant="light" leftSection={<IconPlus size={13} />} onClick={() => setFacts([...facts, ["", ""]])}>
              Add
            </Button>
          </Group>
          {facts.length === 0 && (
            <Text size="sm" c="dimmed">
              Facts that the user tells when asked, such as an order number.
            </Text>
          )}
          <Stack gap={6}>
            {facts.map(([name, value], index) => (
              <Group key={index} gap={6} wrap="nowrap">
                <TextInput aria-label={`Name of fact ${index + 1}`} value={name} onChange={(event) => setFacts(facts.map((fact, at) => (at === index ? [event.currentTarget.value, fact[1]] : fact)))} w="40%" />
                <TextInput aria-label={`Value of fact ${index + 1}`} value={value} onChange={(event) => setFacts(facts.map((fact, at) => (at === index ? [fact[0], event.currentTarget.value] : fact)))} style={{ flex: 1 }} />
                <ActionIcon variant="subtle" color="gray" aria-label={`Remove fact ${index + 1}`} onClick={() => setFacts(facts.filter((_, at) => at !== index))}>
                  <IconTrash size={15} />
                </ActionIcon>
              </Group>
            ))}
          </Stack>
        </Card>
        <ExpectationFields expectations={now.expectations} problems={shown} change={(expectations) => change({ expectations })} />
        <Textarea label="Initial state (JSON)" description="For agents that take one. Empty: the agent's own." autosize minRows={2} maxRows={12} value={world} onChange={(event) => setWorld(event.currentTarget.value)} error={worldProblem} spellCheck={false} />
        {tried && Object.keys(problems).length > 0 && (
          <Text size="sm" c="var(--assay-bad)" role="alert">
            Check these fields: {Object.keys(problems).join(", ")}.
          </Text>
        )}
        {error != null && <ProblemAlert error={error} />}
        <Group>
          <Button type="submit" loading={saving}>
            Save
          </Button>
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function isObject(text: string): boolean {
  try {
    const read: unknown = JSON.parse(text);
    return read !== null && typeof read === "object" && !Array.isArray(read);
  } catch {
    return false;
  }
}

export function KindSwitch({ value, onChange, label }: { value: "must" | "must_not"; onChange: (value: "must" | "must_not") => void; label: string }) {
  return (
    <SegmentedControl
      size="xs"
      aria-label={label}
      data={[
        { value: "must", label: "must" },
        { value: "must_not", label: "must not" },
      ]}
      value={value}
      onChange={(chosen) => onChange(chosen as "must" | "must_not")}
    />
  );
}
