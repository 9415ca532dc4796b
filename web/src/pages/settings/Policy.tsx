/** What a project declares beforehand: forms are filled in with it. */
import { Button, Card, CloseButton, Group, MultiSelect, NumberInput, Select, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { measuresQuery, meQuery, pluginsQuery, policyQuery, projectsQuery } from "@/api/queries";
import { firstMargin, measureOf, scaleOf, suffixOf } from "@/measures";
import { Empty, Loaded, ProblemAlert } from "@/parts/states";
import { namesOf } from "@/plugins";
import { mayGovern } from "@/roles";

export function Policy() {
  const projects = useQuery(projectsQuery);
  const [project, setProject] = useState<string | null>(null);
  return (
    <Loaded query={projects} what="the projects">
      {(page) => {
        const chosen = project ?? page.items[0]?.project;
        if (chosen === undefined) return <Empty title="No project yet">A project declares its policy before anything is looked at.</Empty>;
        return (
          <Stack maw={760}>
            <Select label="Project" allowDeselect={false} data={page.items.map((item) => item.project)} value={chosen} onChange={setProject} w={260} />
            <ProjectPolicy key={chosen} project={chosen} />
          </Stack>
        );
      }}
    </Loaded>
  );
}

function ProjectPolicy({ project }: { project: string }) {
  const query = useQuery(policyQuery(project));
  return (
    <Loaded query={query} what="the policy">
      {(policy) => <Form project={project} policy={policy} />}
    </Loaded>
  );
}

function Form({ project, policy }: { project: string; policy: Schemas["ProjectPolicy"] }) {
  const queries = useQueryClient();
  const me = useQuery(meQuery).data;
  const [now, setNow] = useState(policy);
  const plugins = useQuery(pluginsQuery).data;
  const blocks = plugins ? namesOf(plugins, "assay.report_blocks") : [];
  const measures = useQuery(measuresQuery).data?.items ?? [];
  const allowed = me !== undefined && mayGovern(me, project);
  const save = useMutation({
    mutationFn: () => read(api.PUT("/api/v1/projects/{project}/policy", { params: { path: { project } }, body: now })),
    onSuccess: (saved) => {
      queries.setQueryData(policyQuery(project).queryKey, saved);
      notifications.show({ title: "Declared", message: `The policy of ${project} holds from now on.`, color: "teal" });
    },
  });
  const compare = (part: Partial<Schemas["ComparePolicy"]>) => setNow({ ...now, compare: { ...now.compare, ...part } });
  const rollout = (part: Partial<Schemas["RolloutPolicy"]>) => setNow({ ...now, rollout: { ...now.rollout, ...part } });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <fieldset disabled={!allowed} style={{ border: 0, padding: 0, margin: 0 }}>
        <Stack>
          <Card withBorder>
            <Title order={2} mb="xs">
              Datasets
            </Title>
            <NumberInput label="Score needed" description="Share of scenarios without a finding that matters." min={0} max={1} step={0.05} decimalScale={2} value={now.dataset_threshold} onChange={(value) => setNow({ ...now, dataset_threshold: Number(value) })} w={200} />
          </Card>
          <Card withBorder>
            <Title order={2} mb="xs">
              Comparisons
            </Title>
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
              <Select
                label="Test"
                allowDeselect={false}
                data={[
                  { value: "superiority", label: "superiority" },
                  { value: "non_inferiority", label: "non-inferiority" },
                ]}
                value={now.compare.test}
                onChange={(value) => compare({ test: value as Schemas["ComparePolicy"]["test"] })}
              />
              <NumberInput label="Margin" suffix=" points" min={0} max={100} step={0.5} value={100 * now.compare.margin} onChange={(value) => compare({ margin: Number(value) / 100 })} />
              <NumberInput label="Confidence" suffix=" %" min={51} max={99.9} step={1} value={100 * now.compare.confidence} onChange={(value) => compare({ confidence: Number(value) / 100 })} />
              <Select
                label="Judges that decide"
                allowDeselect={false}
                data={[
                  { value: "admitted", label: "those that labels admit" },
                  { value: "any", label: "any, at your own risk" },
                ]}
                value={now.compare.judge}
                onChange={(value) => compare({ judge: value as Schemas["ComparePolicy"]["judge"] })}
              />
            </SimpleGrid>
          </Card>
          <Card withBorder>
            <Title order={2} mb="xs">
              Rollouts
            </Title>
            <SimpleGrid cols={{ base: 1, xs: 2 }} mb="sm">
              <Select
                label="The next step"
                allowDeselect={false}
                data={[
                  { value: "approve", label: "is opened by a person" },
                  { value: "automatic", label: "opens by itself when all is good" },
                ]}
                value={now.rollout.advance}
                onChange={(value) => rollout({ advance: value as Schemas["RolloutPolicy"]["advance"] })}
              />
              <NumberInput label="Conversations recorded" suffix=" %" min={0} max={100} value={100 * now.rollout.sample_share} onChange={(value) => rollout({ sample_share: Number(value) / 100 })} />
            </SimpleGrid>
            <Text size="sm" fw={600} mb={4}>
              Guardrails: what must not get worse by more than
            </Text>
            <SimpleGrid cols={{ base: 1, xs: 3 }}>
              {now.rollout.guardrails.map((rail, index) => {
                const measure = measureOf(measures, rail.measure);
                return (
                  <NumberInput
                    key={rail.measure}
                    label={measure.label}
                    suffix={suffixOf(measure)}
                    min={0}
                    step={0.5}
                    value={scaleOf(measure) * rail.margin}
                    onChange={(value) => rollout({ guardrails: now.rollout.guardrails.map((other, at) => (at === index ? { ...other, margin: Number(value) / scaleOf(measure) } : other)) })}
                    leftSection={<CloseButton size="sm" aria-label={`Remove the guardrail ${measure.label}`} disabled={now.rollout.guardrails.length === 1} onClick={() => rollout({ guardrails: now.rollout.guardrails.filter((other) => other !== rail) })} />}
                  />
                );
              })}
              <Select
                label="Add a guardrail"
                data={measures.filter((one) => !now.rollout.guardrails.some((rail) => rail.measure === one.name)).map((one) => ({ value: one.name, label: one.label }))}
                value={null}
                onChange={(name) => name && rollout({ guardrails: [...now.rollout.guardrails, { measure: name, margin: firstMargin(measureOf(measures, name)) }] })}
              />
            </SimpleGrid>
          </Card>
          <Card withBorder>
            <Title order={2} mb="xs">
              Reports
            </Title>
            <MultiSelect label="Report blocks" description="Sections that installed packages add to every report of the project." data={[...new Set([...blocks, ...now.report_blocks])]} value={[...now.report_blocks]} onChange={(value) => setNow({ ...now, report_blocks: value })} placeholder={blocks.length === 0 ? "No package here brings one" : undefined} clearable />
          </Card>
          {save.isError && <ProblemAlert error={save.error} />}
          <Group>
            <Button type="submit" loading={save.isPending}>
              Declare
            </Button>
            {!allowed && (
              <Text size="sm" c="dimmed">
                Declaring takes the role admin in this project.
              </Text>
            )}
          </Group>
        </Stack>
      </fieldset>
    </form>
  );
}
