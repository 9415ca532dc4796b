/** A dataset from a file, or drafted whole from a brief. */
import { FileInput, Group, Modal, NumberInput, SegmentedControl, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { agentsQuery } from "@/api/queries";
import { FORMAT_NAMES, FORMATS, readScenarios } from "@/parts/files";
import { JobButton } from "@/parts/JobButton";
import { PermittedButton } from "@/parts/Permitted";
import { agentName } from "@/words";

export function NewDataset({ project }: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <PermittedButton project={project} variant="default" onClick={open}>
        New dataset
      </PermittedButton>
      <Modal opened={opened} onClose={close} title="New dataset">
        <Form project={project} />
      </Modal>
    </>
  );
}

function Form({ project }: { project: string }) {
  const agents = useQuery(agentsQuery(project)).data?.items ?? [];
  const [from, setFrom] = useState<"file" | "brief">("file");
  const [agent, setAgent] = useState<string | null>(null);
  const [name, setName] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [brief, setBrief] = useState("");
  const [size, setSize] = useState(40);
  const chosen = agent ?? (agents[0] ? agentName(agents[0].agent) : null);
  if (agents.length === 0) return <Text size="sm">Register an agent version first: a dataset is validated against its card.</Text>;

  const start = async () => {
    const [agent_id = "", version = ""] = (chosen ?? "").split("@");
    const body =
      from === "file" && file
        ? { dataset: { name: name || agent_id, scenarios: await readScenarios(project, file) } }
        : { brief, size, name: name || null };
    return read(
      api.POST("/api/v1/projects/{project}/datasets", {
        params: { path: { project }, header: { "Idempotency-Key": newKey() } },
        body: withDefaults<Schemas["DatasetRequest"]>({ project, agent: { agent_id, version }, ...body } as never),
      }),
    );
  };
  return (
    <Stack>
      <Select label="Agent version" allowDeselect={false} data={agents.map((item) => agentName(item.agent))} value={chosen} onChange={setAgent} />
      <SegmentedControl
        aria-label="Where the scenarios come from"
        data={[
          { value: "file", label: "From a file" },
          { value: "brief", label: "Drafted from a brief" },
        ]}
        value={from}
        onChange={(value) => setFrom(value as "file" | "brief")}
      />
      <TextInput label="Name" placeholder="the agent's name" value={name} onChange={(event) => setName(event.currentTarget.value.trim())} />
      {from === "file" ? (
        <FileInput label="Scenarios" description={`${FORMAT_NAMES}, one scenario per line or row.`} accept={FORMATS} placeholder="Choose a file" value={file} onChange={setFile} clearable />
      ) : (
        <>
          <Textarea label="Brief" description="Topics, users and rules that matter." autosize minRows={3} value={brief} onChange={(event) => setBrief(event.currentTarget.value)} />
          <NumberInput label="Scenarios" min={1} max={5000} value={size} onChange={(value) => setSize(Number(value) || 1)} />
        </>
      )}
      <Group>
        <JobButton project={project} titles={{ running: "Creating the dataset", done: "The dataset is ready", failed: "The dataset was not created" }} disabled={chosen === null || (from === "file" ? file === null : !brief.trim())} start={start}>
          Create dataset
        </JobButton>
      </Group>
    </Stack>
  );
}
