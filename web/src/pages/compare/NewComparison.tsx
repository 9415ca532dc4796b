import { Group, Modal, NumberInput, Select, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { policyQuery, resultsQuery } from "@/api/queries";
import { JobButton } from "@/parts/JobButton";
import { PermittedButton } from "@/parts/Permitted";
import { Loaded } from "@/parts/states";
import { agentName, ago } from "@/words";

/** Compares two judgings; the test and its margin are declared before anything is looked at. */
export function NewComparison({ project }: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  const policy = useQuery({ ...policyQuery(project), enabled: opened });
  return (
    <>
      <PermittedButton project={project} variant="default" onClick={open}>
        New comparison
      </PermittedButton>
      <Modal opened={opened} onClose={close} title="New comparison">
        <Loaded query={policy} what="the project's policy">
          {(declared) => <Form project={project} declared={declared.compare} />}
        </Loaded>
      </Modal>
    </>
  );
}

function Form({ project, declared }: { project: string; declared: Schemas["ComparePolicy"] }) {
  const query = useInfiniteQuery(resultsQuery(project, "judgments"));
  const runs = query.data?.pages.flatMap((page) => page.items) ?? [];
  const data = runs.map((run) => ({ value: run.subject_id, label: `${agentName(run.agent)}, ${ago(run.started_at)} (${run.subject_id.slice(-6)})` }));
  const [champion, setChampion] = useState<string | null>(null);
  const [challenger, setChallenger] = useState<string | null>(null);
  const [test, setTest] = useState(declared.test);
  const [margin, setMargin] = useState(declared.margin);
  const ready = champion !== null && challenger !== null && champion !== challenger;
  if (query.data && runs.length < 2) return <Text size="sm">It takes two judgings; there {runs.length === 1 ? "is one" : "is none"} yet.</Text>;
  return (
    <Stack>
      <Select label="Champion" description="What is in use." data={data} value={champion} onChange={setChampion} searchable />
      <Select label="Challenger" description="What may replace it." data={data} value={challenger} onChange={setChallenger} searchable error={champion !== null && champion === challenger ? "This is the champion itself" : undefined} />
      <Select
        label="Test"
        allowDeselect={false}
        data={[
          { value: "superiority", label: "Superiority: it must be better" },
          { value: "non_inferiority", label: "Non-inferiority: it must not be worse by the margin" },
        ]}
        value={test}
        onChange={(value) => value && setTest(value as Schemas["ComparePolicy"]["test"])}
      />
      <NumberInput label="Margin" description="In points of the pass rate: the smallest difference that matters, or the loss that is accepted." suffix=" points" min={0} max={100} step={0.5} value={100 * margin} onChange={(value) => setMargin(Number(value) / 100)} />
      <Group>
        <JobButton
          project={project}
          titles={{ running: "Comparing", done: "The comparison is ready", failed: "The versions were not compared" }}
          disabled={!ready}
          start={() =>
            read(
              api.POST("/api/v1/projects/{project}/comparisons", {
                params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                body: withDefaults<Schemas["CompareRequest"]>({
                  project,
                  champion: { judging_id: champion ?? "" },
                  challenger: { judging_id: challenger ?? "" },
                  policy: { ...declared, test, margin },
                  gated: runs.every((run) => ![champion, challenger].includes(run.subject_id) || run.gated),
                }),
              }),
            )
          }
        >
          Compare
        </JobButton>
      </Group>
    </Stack>
  );
}
