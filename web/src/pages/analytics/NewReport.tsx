import { Group, Modal, Select, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { resultsQuery } from "@/api/queries";
import { JobButton } from "@/parts/JobButton";
import { PermittedButton } from "@/parts/Permitted";
import { agentName, ago } from "@/words";

/** Has a report made of a judging. */
export function NewReport({ project }: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <PermittedButton project={project} variant="default" onClick={open}>
        New report
      </PermittedButton>
      <Modal opened={opened} onClose={close} title="New report">
        <Form project={project} />
      </Modal>
    </>
  );
}

function Form({ project }: { project: string }) {
  const query = useInfiniteQuery(resultsQuery(project, "judgments"));
  const runs = query.data?.pages.flatMap((page) => page.items) ?? [];
  const [judging, setJudging] = useState<string | null>(null);
  const chosen = runs.find((run) => run.subject_id === (judging ?? runs[0]?.subject_id));
  if (query.data && runs.length === 0) return <Text size="sm">Nothing is judged yet: start the lifecycle first.</Text>;
  return (
    <Stack>
      <Select
        label="Judging"
        data={runs.map((run) => ({ value: run.subject_id, label: `${agentName(run.agent)}, ${ago(run.started_at)} (${run.subject_id.slice(-6)})` }))}
        value={chosen?.subject_id ?? null}
        allowDeselect={false}
        onChange={setJudging}
      />
      <Group>
        <JobButton
          project={project}
          titles={{ running: "Creating the report", done: "The report is ready", failed: "The report was not created" }}
          disabled={!chosen}
          start={() =>
            read(
              api.POST("/api/v1/projects/{project}/reports", {
                params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                body: withDefaults<Schemas["AnalyzeRequest"]>({ project, judging_id: chosen?.subject_id ?? "", gated: chosen?.gated ?? false }),
              }),
            )
          }
        >
          Create report
        </JobButton>
      </Group>
    </Stack>
  );
}
