/** A person's own text in place of the Analyst's draft. Numbers come from facts only, so that none is made up. */
import { Button, Code, Drawer, Group, ScrollArea, SimpleGrid, Stack, Table, Text, Textarea, Title, UnstyledButton } from "@mantine/core";
import { useRef, useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { JobButton } from "@/parts/JobButton";
import { factWords, Prose } from "@/parts/ReportView";

import { filled, unknownFacts } from "./narrative";

export function ReportEditor({ project, analytics, opened, close }: { project: string; analytics: Schemas["AnalyticsReport"]; opened: boolean; close: () => void }) {
  return (
    <Drawer opened={opened} onClose={close} position="right" size="xl" title="The report's text">
      <Editor project={project} analytics={analytics} />
    </Drawer>
  );
}

function Editor({ project, analytics }: { project: string; analytics: Schemas["AnalyticsReport"] }) {
  const kept = `assay-narrative-${analytics.subject_id}`;
  const [text, setText] = useState(() => localStorage.getItem(kept) ?? "");
  const area = useRef<HTMLTextAreaElement>(null);
  const change = (now: string) => {
    setText(now);
    localStorage.setItem(kept, now);
  };
  const put = (id: string) => {
    const at = area.current?.selectionStart ?? text.length;
    change(`${text.slice(0, at)}{${id}}${text.slice(area.current?.selectionEnd ?? at)}`);
    area.current?.focus();
  };
  const unknown = unknownFacts(text, analytics.facts);
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        Speak of a number as <Code>{"{fact_id}"}</Code>: choose it below. Numbers that are typed by hand are refused, so that the report says nothing that was not measured.
      </Text>
      <Textarea ref={area} label="Text" autosize minRows={7} maxRows={16} value={text} placeholder={analytics.narrative.text.slice(0, 200)} onChange={(event) => change(event.currentTarget.value)} error={unknown.length > 0 ? `There is no fact ${unknown.join(", ")}` : undefined} />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <div>
          <Title order={3} mb={6}>
            Facts
          </Title>
          <ScrollArea h={300} type="auto">
            <Table fz="sm" verticalSpacing={3}>
              <Table.Tbody>
                {analytics.facts.map((fact) => (
                  <Table.Tr key={fact.fact_id}>
                    <Table.Td>
                      <UnstyledButton onClick={() => put(fact.fact_id)} aria-label={`Put in ${fact.label}`} fz="sm" c="var(--mantine-color-anchor)">
                        {fact.label}
                      </UnstyledButton>
                    </Table.Td>
                    <Table.Td ta="right" style={{ whiteSpace: "nowrap" }}>
                      {factWords(fact).value}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </ScrollArea>
        </div>
        <div>
          <Title order={3} mb={6}>
            As it will read
          </Title>
          <Prose text={filled(text || analytics.narrative.text, analytics.facts)} />
        </div>
      </SimpleGrid>
      <Group>
        <JobButton
          project={project}
          titles={{ running: "Saving the report", done: "The report is saved", failed: "The report was not saved" }}
          remember={`${kept}-job`}
          onDone={() => {
            setText("");
            localStorage.removeItem(kept);
          }}
          disabled={!text.trim() || unknown.length > 0}
          start={() =>
            read(
              api.POST("/api/v1/projects/{project}/reports", {
                params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                body: withDefaults<Schemas["AnalyzeRequest"]>({ project, judging_id: analytics.judging_id, gated: analytics.gated, narrative: text }),
              }),
            )
          }
        >
          Save as a new report
        </JobButton>
        <Button variant="default" onClick={() => change("")} disabled={!text}>
          Start over
        </Button>
      </Group>
    </Stack>
  );
}
