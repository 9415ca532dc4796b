/** What the agent must and must not do, each ruled on by code where code can tell. */
import { ActionIcon, Button, Card, Group, Select, Stack, Textarea, TextInput, Title } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";

import type { Check, Expectation } from "./scenario";
import { KindSwitch } from "./ScenarioEditor";

const NEW: Record<Check["kind"], Check> = {
  says: { kind: "says", pattern: "" },
  calls: { kind: "calls", tool: "", arguments: {} },
  outcome: { kind: "outcome", path: "", equals: null },
};

export function ExpectationFields({ expectations, problems, change }: { expectations: readonly Expectation[]; problems: Record<string, string>; change: (expectations: Expectation[]) => void }) {
  const put = (index: number, part: Partial<Expectation>) => change(expectations.map((one, at) => (at === index ? { ...one, ...part } : one)));
  return (
    <Card withBorder padding="sm" component="section" aria-label="Expectations">
      <Group justify="space-between" mb="xs">
        <Title order={3}>Expectations</Title>
        <Button size="compact-xs" variant="light" leftSection={<IconPlus size={13} />} onClick={() => change([...expectations, { expectation_id: `expectation-${expectations.length + 1}`, kind: "must", text: "" }])}>
          Add
        </Button>
      </Group>
      <Stack gap="md">
        {expectations.map((expectation, index) => (
          <Stack key={index} gap={6}>
            <Group gap={6} wrap="nowrap">
              <KindSwitch label={`Kind of expectation ${index + 1}`} value={expectation.kind} onChange={(kind) => put(index, { kind })} />
              <TextInput aria-label={`Name of expectation ${index + 1}`} size="xs" style={{ flex: 1 }} value={expectation.expectation_id} error={problems[`expectation ${index} id`]} onChange={(event) => put(index, { expectation_id: event.currentTarget.value.trim() })} />
              <ActionIcon variant="subtle" color="gray" aria-label={`Remove expectation ${index + 1}`} onClick={() => change(expectations.filter((_, at) => at !== index))}>
                <IconTrash size={15} />
              </ActionIcon>
            </Group>
            <Textarea aria-label={`Expectation ${index + 1}`} autosize value={expectation.text} error={problems[`expectation ${index}`]} onChange={(event) => put(index, { text: event.currentTarget.value })} />
            <CheckFields check={expectation.check ?? null} number={index + 1} change={(check) => put(index, { check })} />
          </Stack>
        ))}
      </Stack>
    </Card>
  );
}

function CheckFields({ check, number, change }: { check: Check | null; number: number; change: (check: Check | null) => void }) {
  return (
    <Group gap={6} align="flex-start">
      <Select
        aria-label={`Who rules on expectation ${number}`}
        size="xs"
        w={180}
        allowDeselect={false}
        data={[
          { value: "judge", label: "A judge rules" },
          { value: "says", label: "Code: it says" },
          { value: "calls", label: "Code: it calls" },
          { value: "outcome", label: "Code: the outcome is" },
        ]}
        value={check?.kind ?? "judge"}
        onChange={(kind) => change(kind === "judge" || kind === null ? null : NEW[kind as Check["kind"]])}
      />
      {check?.kind === "says" && <TextInput size="xs" style={{ flex: 1 }} aria-label={`Pattern of expectation ${number}`} placeholder="Regular expression" value={check.pattern} onChange={(event) => change({ ...check, pattern: event.currentTarget.value })} />}
      {check?.kind === "calls" && <TextInput size="xs" style={{ flex: 1 }} aria-label={`Tool of expectation ${number}`} placeholder="Name of the tool" value={check.tool} onChange={(event) => change({ ...check, tool: event.currentTarget.value })} />}
      {check?.kind === "outcome" && (
        <>
          <TextInput size="xs" style={{ flex: 1 }} aria-label={`Path of expectation ${number}`} placeholder="JMESPath, as in orders.J4101.refunded" value={check.path} onChange={(event) => change({ ...check, path: event.currentTarget.value })} />
          <TextInput size="xs" w={120} aria-label={`Value of expectation ${number}`} placeholder="Value, JSON" defaultValue={check.equals === null ? "" : JSON.stringify(check.equals)} onBlur={(event) => change({ ...check, equals: jsonOrText(event.currentTarget.value) })} />
        </>
      )}
    </Group>
  );
}

/** What is typed without quotes and is no JSON is taken as words. */
function jsonOrText(text: string): Check extends infer C ? (C extends { equals: infer E } ? E : never) : never {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
