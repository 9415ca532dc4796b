/** Feedback from a file becomes assessments on its traces, and a production report. */
import { FileInput, Group, Modal, Select, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { agentsQuery, resultsQuery } from "@/api/queries";
import { type DateOrder, FORMAT_NAMES, FORMATS, readFeedback } from "@/parts/files";
import { JobButton } from "@/parts/JobButton";
import { PermittedButton } from "@/parts/Permitted";
import { agentName, ago } from "@/words";

export function NewProduction({ project }: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <PermittedButton project={project} variant="default" onClick={open}>
        Import feedback
      </PermittedButton>
      <Modal opened={opened} onClose={close} title="Import feedback">
        <Form project={project} />
      </Modal>
    </>
  );
}

function Form({ project }: { project: string }) {
  const agents = useQuery(agentsQuery(project)).data?.items ?? [];
  const reports = useInfiniteQuery(resultsQuery(project, "reports")).data?.pages.flatMap((page) => page.items) ?? [];
  const [agent, setAgent] = useState<string | null>(null);
  const [analytics, setAnalytics] = useState<string | null>(null);
  const [file, setFile] = useState<File | null>(null);
  const [dates, setDates] = useState<DateOrder | null>(null);
  const chosen = agent ?? (agents[0] ? agentName(agents[0].agent) : null);
  return (
    <Stack>
      <Select label="Agent version" allowDeselect={false} data={agents.map((item) => agentName(item.agent))} value={chosen} onChange={setAgent} />
      <FileInput label="Feedback" description={`${FORMAT_NAMES}: thumbs, rating or comment, and the conversation it is about.`} accept={FORMATS} placeholder="Choose a file" value={file} onChange={setFile} clearable />
      <Select label="Dates such as 03/02/2026" description="Only needed if the file has them." clearable data={[{ value: "day-first", label: "3 February: day first" }, { value: "month-first", label: "March 2: month first" }]} value={dates} onChange={(value) => setDates(value as DateOrder | null)} />
      <Select label="Forecast to compare it with" description="The analytics report that was made before the release." clearable data={reports.map((run) => ({ value: run.subject_id, label: `${agentName(run.agent)}, ${ago(run.started_at)}` }))} value={analytics} onChange={setAnalytics} />
      <Group>
        <JobButton
          project={project}
          titles={{ running: "Creating the production report", done: "The production report is ready", failed: "The production report was not created" }}
          disabled={chosen === null || file === null}
          start={async () => {
            const [agent_id = "", version = ""] = (chosen ?? "").split("@");
            const items = file ? await readFeedback(project, file, dates ?? undefined) : [];
            return read(
              api.POST("/api/v1/projects/{project}/feedback", {
                params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                body: withDefaults<Schemas["FeedbackRequest"]>({ project, agent: { agent_id, version }, items, analytics_id: analytics } as never),
              }),
            );
          }}
        >
          Create report
        </JobButton>
      </Group>
    </Stack>
  );
}
