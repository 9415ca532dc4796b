/** Start the whole lifecycle for a challenger: it waits at each gate for a decision. */
import { Alert, Card, FileInput, Group, NumberInput, SegmentedControl, Select, SimpleGrid, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { api, newKey, read, type Schemas } from "@/api/client";
import { agentsQuery, datasetsQuery, policyQuery } from "@/api/queries";
import { FORMAT_NAMES, FORMATS, readFeedback, readScenarios } from "@/parts/files";
import { PageHead } from "@/parts/PageHead";
import { PermittedButton } from "@/parts/Permitted";
import { ProblemAlert } from "@/parts/states";
import { agentName } from "@/words";

import { type Looked, missing, type NamedText, type Scenarios, type Side, type StartForm, startRequest } from "./startRequest";

export function Start() {
  const { project = "" } = useParams({ strict: false });
  const agents = useQuery(agentsQuery(project)).data?.items ?? [];
  const datasets = useQuery(datasetsQuery(project)).data?.items ?? [];
  const [form, setForm] = useState<StartForm>({
    challenger: { kind: "card", card: null },
    champion: { kind: "none" },
    cardDir: "",
    scenarios: { kind: "file", file: null, name: "" },
    trials: 3,
    seed: 0,
    feedback: null,
    model: "",
  });
  const [tried, setTried] = useState(false);
  const change = (part: Partial<StartForm>) => setForm((now) => ({ ...now, ...part }));
  const start = useStart(project);
  const lacks = missing(form);
  const refs = agents.map((item) => agentName(item.agent));

  return (
    <>
      <PageHead title="Start the lifecycle" says="Evaluate a new version, step by step. It stops at each gate until a person has decided." />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (lacks.length === 0) start.mutate(form);
        }}
      >
        <Stack maw={860}>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Part title="Challenger" says="The version that is to be tested.">
              <SideFields label="Challenger" side={form.challenger} refs={refs} optional={false} onChange={(challenger) => change({ challenger })} />
            </Part>
            <Part title="Champion" says="The version it is compared with. Without one, the lifecycle ends with the analytics report.">
              <SideFields label="Champion" side={form.champion} refs={refs} optional onChange={(champion) => change({ champion })} />
            </Part>
          </SimpleGrid>
          {(form.challenger.kind === "card" || form.champion.kind === "card") && (
            <TextInput
              label="Folder on the server for files the card names"
              description="Only for cards that name files or Python code."
              placeholder="examples/shop"
              value={form.cardDir}
              onChange={(event) => change({ cardDir: event.currentTarget.value })}
            />
          )}
          <Part title="Scenarios" says="What simulated users come with, and what the agent must and must not do.">
            <ScenarioFields scenarios={form.scenarios} refs={datasets.map((item) => `${item.dataset.name}@${item.dataset.version}`)} onChange={(scenarios) => change({ scenarios })} />
          </Part>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <NumberInput label="Trials" description="Independent repeats of each scenario." min={1} max={100} value={form.trials} onChange={(value) => change({ trials: Number(value) || 1 })} />
            <TextInput label="Model" description="Of Assay's own agents. Empty: the server's." placeholder="openai:gpt-5-mini" value={form.model} onChange={(event) => change({ model: event.currentTarget.value.trim() })} />
          </SimpleGrid>
          <FileInput label="Production feedback" description={`Optional: ${FORMAT_NAMES}. Without it the lifecycle ends with the rollout plan.`} placeholder="Choose a file" accept={FORMATS} clearable value={form.feedback} onChange={(feedback) => change({ feedback })} />
          {tried && lacks.length > 0 && (
            <Alert color="red" variant="light" title="Something is missing">
              {lacks.map((line) => (
                <Text size="sm" key={line}>
                  {line}
                </Text>
              ))}
            </Alert>
          )}
          {start.isError && <ProblemAlert error={start.error} />}
          <Group>
            <PermittedButton project={project} type="submit" loading={start.isPending}>
              Start
            </PermittedButton>
          </Group>
        </Stack>
      </form>
    </>
  );
}

function useStart(project: string) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [key] = useState(newKey);
  return useMutation({
    mutationFn: async (form: StartForm) => {
      const looked = await look(project, form, await queries.fetchQuery(policyQuery(project)));
      const body = startRequest(project, form, looked) as Schemas["PipelineRequest"];
      return read(api.POST("/api/v1/projects/{project}/pipelines", { params: { path: { project }, header: { "Idempotency-Key": `${key}-${await digest(body)}` } }, body }));
    },
    onSuccess: async (job) => {
      await queries.invalidateQueries({ queryKey: ["project", project, "jobs"] });
      await navigate({ to: "/p/$project/jobs/$jobId", params: { project, jobId: job.job_id } });
    },
  });
}

/** A short hash of what is asked: the same form sent twice is one job, a changed one is another. */
async function digest(body: unknown): Promise<string> {
  let hash = 0;
  for (const sign of JSON.stringify(body)) hash = (Math.imul(hash, 31) + (sign.codePointAt(0) ?? 0)) | 0;
  return (hash >>> 0).toString(16);
}

async function look(project: string, form: StartForm, policy: Schemas["ProjectPolicy"]): Promise<Looked> {
  const versions: Looked["versions"] = {};
  for (const side of [form.challenger, form.champion])
    if (side.kind === "registered") {
      const [agent = "", version = ""] = side.ref.split("@");
      versions[side.ref] = (await read(api.GET("/api/v1/projects/{project}/agents/{agent}@{version}", { params: { path: { project, agent, version } } }))).version;
    }
  let dataset: Looked["dataset"] = null;
  if (form.scenarios.kind === "stored") {
    const [name = "", version = ""] = form.scenarios.ref.split("@");
    dataset = (await read(api.GET("/api/v1/projects/{project}/datasets/{name}@{version}", { params: { path: { project, name, version } } }))).dataset;
  }
  const scenarios = form.scenarios.kind === "file" && form.scenarios.file ? await readScenarios(project, form.scenarios.file) : [];
  const feedback = form.feedback ? await readFeedback(project, form.feedback) : [];
  return { versions, dataset, policy, scenarios, feedback };
}

function Part({ title, says, children }: { title: string; says: string; children: ReactNode }) {
  return (
    <Card withBorder component="section" aria-label={title}>
      <Title order={2}>{title}</Title>
      <Text size="sm" c="dimmed" mb="sm">
        {says}
      </Text>
      {children}
    </Card>
  );
}

function SideFields({ label, side, refs, optional, onChange }: { label: string; side: Side; refs: readonly string[]; optional: boolean; onChange: (side: Side) => void }) {
  const kinds = [...(optional ? [{ value: "none", label: "None" }] : []), { value: "card", label: "From a card" }, { value: "registered", label: "Registered", disabled: refs.length === 0 }];
  return (
    <Stack gap="xs">
      <SegmentedControl
        aria-label={`Where the ${label.toLowerCase()} comes from`}
        data={kinds}
        value={side.kind}
        onChange={(kind) => onChange(kind === "none" ? { kind } : kind === "card" ? { kind, card: null } : { kind: "registered", ref: refs[0] ?? "" })}
      />
      {side.kind === "card" && <TextFile label={`${label}'s card`} accept=".json" file={side.card} onChange={(card) => onChange({ kind: "card", card })} />}
      {side.kind === "registered" && <Select label={`${label}'s version`} data={[...refs]} value={side.ref || null} searchable onChange={(ref) => onChange({ kind: "registered", ref: ref ?? "" })} />}
    </Stack>
  );
}

function ScenarioFields({ scenarios, refs, onChange }: { scenarios: Scenarios; refs: readonly string[]; onChange: (scenarios: Scenarios) => void }) {
  return (
    <Stack gap="xs">
      <SegmentedControl
        aria-label="Where the scenarios come from"
        data={[
          { value: "file", label: "From a file" },
          { value: "stored", label: "A stored dataset", disabled: refs.length === 0 },
          { value: "brief", label: "Drafted from a brief" },
        ]}
        value={scenarios.kind}
        onChange={(kind) => onChange(kind === "file" ? { kind, file: null, name: "" } : kind === "stored" ? { kind, ref: refs[0] ?? "" } : { kind: "brief", brief: "", size: 40 })}
      />
      {scenarios.kind === "file" && (
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <FileInput label="Scenarios" description={`${FORMAT_NAMES}, one scenario per line or row.`} placeholder="Choose a file" accept={FORMATS} clearable value={scenarios.file} onChange={(file) => onChange({ ...scenarios, file })} />
          <TextInput label="Name of the dataset" placeholder="dataset" value={scenarios.name} onChange={(event) => onChange({ ...scenarios, name: event.currentTarget.value.trim() })} />
        </SimpleGrid>
      )}
      {scenarios.kind === "stored" && <Select label="Dataset" data={[...refs]} value={scenarios.ref || null} searchable onChange={(ref) => onChange({ kind: "stored", ref: ref ?? "" })} />}
      {scenarios.kind === "brief" && (
        <>
          <Textarea label="Brief" description="Topics, users and rules that matter." autosize minRows={3} value={scenarios.brief} onChange={(event) => onChange({ ...scenarios, brief: event.currentTarget.value })} />
          <NumberInput label="Scenarios to draft" min={1} max={5000} value={scenarios.size} onChange={(size) => onChange({ ...scenarios, size: Number(size) || 1 })} />
        </>
      )}
    </Stack>
  );
}

function TextFile({ label, description, accept, file, onChange }: { label: string; description?: string; accept: string; file: NamedText | null; onChange: (file: NamedText | null) => void }) {
  return (
    <FileInput
      label={label}
      description={description}
      placeholder={file?.name ?? "Choose a file"}
      accept={accept}
      clearable
      onChange={(chosen) => (chosen ? void chosen.text().then((text) => onChange({ name: chosen.name, text })) : onChange(null))}
    />
  );
}
