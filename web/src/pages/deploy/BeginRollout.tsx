/** A deployment to Production becomes traffic: the gateway serves both versions from then on. */
import { Alert, Button, Group, Modal, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { meQuery, policyQuery } from "@/api/queries";
import { ProblemAlert } from "@/parts/states";
import { mayDecide } from "@/roles";
import { agentName } from "@/words";

import { trafficQuery } from "./queries";

export function BeginRollout({ project, rollout, under }: { project: string; rollout: Schemas["Rollout"]; under: Schemas["Traffic"] | undefined }) {
  const me = useQuery(meQuery).data;
  const [opened, { open, close }] = useDisclosure(false);
  if (under?.rollout_id === rollout.subject_id) return null;
  if (rollout.registry_stage !== "Production")
    return (
      <Alert variant="light" color="gray">
        {agentName(rollout.challenger)} is in {rollout.registry_stage}. Approve this deployment's gate, and the lifecycle moves it to Production; then its rollout can begin.
      </Alert>
    );
  const busy = under !== undefined && (under.state === "running" || under.state === "paused");
  return (
    <Group>
      <Button onClick={open} disabled={busy || !me || !mayDecide(me, project)}>
        Begin the rollout
      </Button>
      {busy && (
        <Text size="sm" c="dimmed">
          Another rollout is under way: complete it or roll it back first.
        </Text>
      )}
      <Modal opened={opened} onClose={close} title={`Begin the rollout of ${agentName(rollout.challenger)}`}>
        <Form project={project} rollout={rollout} done={close} />
      </Modal>
    </Group>
  );
}

function Form({ project, rollout, done }: { project: string; rollout: Schemas["Rollout"]; done: () => void }) {
  const queries = useQueryClient();
  const policy = useQuery(policyQuery(project)).data?.rollout;
  const [champion, setChampion] = useState("");
  const [challenger, setChallenger] = useState("");
  const [reason, setReason] = useState("");
  const start = useMutation({
    mutationFn: () =>
      read(
        api.POST("/api/v1/projects/{project}/traffic", {
          params: { path: { project } },
          body: { rollout_id: rollout.subject_id, champion_url: champion || null, challenger_url: challenger || null, policy: policy as Schemas["RolloutPolicy"], reason: reason.trim() },
        }),
      ),
    onSuccess: (traffic) => {
      queries.setQueryData(trafficQuery(project).queryKey, traffic as Schemas["Traffic"]);
      done();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate();
      }}
    >
      <Stack>
        <Text size="sm">
          The gateway gives {agentName(rollout.challenger)} the first step's share of the sessions, by the project's policy. Worse than the margins, it is rolled back by itself.
        </Text>
        <TextInput label="Where the champion answers" description="Empty: as its card says." placeholder="http://localhost:9001" value={champion} onChange={(event) => setChampion(event.currentTarget.value.trim())} />
        <TextInput label="Where the challenger answers" description="Empty: as its card says." placeholder="http://localhost:9002" value={challenger} onChange={(event) => setChallenger(event.currentTarget.value.trim())} />
        <Textarea label="Reason" required autosize minRows={2} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
        {start.isError && <ProblemAlert error={start.error} />}
        <Group>
          <Button type="submit" loading={start.isPending} disabled={!reason.trim() || !policy}>
            Begin
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
