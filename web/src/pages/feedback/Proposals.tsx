/** Scenarios that complaints ask for, taken into a new version of the dataset. */
import { Card, Checkbox, Group, Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas } from "@/api/client";
import { datasetsQuery } from "@/api/queries";
import { JobButton } from "@/parts/JobButton";
import { Empty } from "@/parts/states";

import { merged } from "./proposals";

export function Proposals({ project, production }: { project: string; production: Schemas["ProductionReport"] }) {
  const datasets = useQuery(datasetsQuery(project)).data?.items ?? [];
  const proposed = production.proposed_scenarios;
  const [chosen, setChosen] = useState<readonly string[]>(proposed.map((scenario) => scenario.scenario_id));
  const [dataset, setDataset] = useState<string | null>(null);
  const refs = datasets.map((item) => `${item.dataset.name}@${item.dataset.version}`);
  const into = dataset ?? refs[0] ?? null;
  if (proposed.length === 0) return <Empty title="Nothing to propose">Every complaint is tested by a scenario already.</Empty>;

  const take = async () => {
    const [name = "", version = ""] = (into ?? "").split("@");
    const stored = await read(api.GET("/api/v1/projects/{project}/datasets/{name}@{version}", { params: { path: { project, name, version } } }));
    const scenarios = merged(
      stored.dataset.scenarios,
      proposed.filter((scenario) => chosen.includes(scenario.scenario_id)),
    );
    return read(
      api.POST("/api/v1/projects/{project}/datasets/{name}/versions", {
        params: { path: { project, name }, header: { "Idempotency-Key": newKey() } },
        body: { agent: production.agent, scenarios, description: stored.dataset.description, threshold: stored.report.threshold, gated: stored.gated },
      }),
    );
  };
  return (
    <Stack>
      <Group align="flex-end">
        <Select label="Into" allowDeselect={false} data={refs} value={into} onChange={setDataset} w={300} size="xs" />
        <JobButton project={project} size="xs" titles={{ running: "Saving a new version of the dataset", done: "The new version is saved", failed: "The new version was not saved" }} disabled={into === null || chosen.length === 0} start={take}>
          {chosen.length === 1 ? "Take 1 scenario" : `Take ${chosen.length} scenarios`}
        </JobButton>
      </Group>
      {proposed.map((scenario) => (
        <Card key={scenario.scenario_id} withBorder padding="sm" component="article">
          <Checkbox
            label={
              <Text size="sm" fw={600}>
                {scenario.scenario_id}
              </Text>
            }
            description={scenario.goal}
            checked={chosen.includes(scenario.scenario_id)}
            onChange={(event) => setChosen(event.currentTarget.checked ? [...chosen, scenario.scenario_id] : chosen.filter((id) => id !== scenario.scenario_id))}
          />
          <Stack gap={2} mt="xs" ml={32}>
            {scenario.opening && (
              <Text size="sm" fs="italic">
                “{scenario.opening}”
              </Text>
            )}
            {scenario.expectations.map((expectation) => (
              <Text size="xs" c="dimmed" key={expectation.expectation_id}>
                {expectation.kind === "must" ? "must" : "must not"}: {expectation.text}
              </Text>
            ))}
            <Text size="xs" c="dimmed">
              {scenario.topic} · from {scenario.origin_ref}
            </Text>
          </Stack>
        </Card>
      ))}
    </Stack>
  );
}
