/** Feedback from a file becomes assessments on its traces, and a production report. */
import { Button, FileInput, Group, Modal, Select, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { agentsQuery, resultsQuery } from "@/api/queries";
import { JobButton } from "@/parts/JobButton";
import { fromJsonl } from "@/parts/jsonl";
import { agentName, ago } from "@/words";

export function NewProduction({ project }: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="default" onClick={open}>
        Bring feedback
      </Button>
      <Modal opened={opened} onClose={close} title="Bring feedback">
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
  const chosen = agent ?? (agents[0] ? agentName(agents[0].agent) : null);
  return (
    <Stack>
      <Select label="Agent version" allowDeselect={false} data={agents.map((item) => agentName(item.agent))} value={chosen} onChange={setAgent} />
      <FileInput label="Feedback" description="JSON Lines: thumbs, rating or comment, and the conversation it speaks of." accept=".jsonl" placeholder="Choose a file" value={file} onChange={setFile} clearable />
      <Select label="Forecast to hold it against" description="The analytics report that was made before the release." clearable data={reports.map((run) => ({ value: run.subject_id, label: `${agentName(run.agent)}, ${ago(run.started_at)}` }))} value={analytics} onChange={setAnalytics} />
      <Group>
        <JobButton
          project={project}
          title="The production report is made"
          disabled={chosen === null || file === null}
          start={async () => {
            const [agent_id = "", version = ""] = (chosen ?? "").split("@");
            const items = fromJsonl<Schemas["Feedback"]>((await file?.text()) ?? "", file?.name ?? "feedback");
            return read(
              api.POST("/api/v1/projects/{project}/feedback", {
                params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                body: withDefaults<Schemas["FeedbackRequest"]>({ project, agent: { agent_id, version }, items, analytics_id: analytics } as never),
              }),
            );
          }}
        >
          Report on it
        </JobButton>
      </Group>
    </Stack>
  );
}
