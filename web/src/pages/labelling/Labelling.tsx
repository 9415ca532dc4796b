/** People's labels, by keyboard, blind to the judge: they validate the judge and correct its numbers. */
import { Alert, Button, Group, NumberInput, Stack, Text } from "@mantine/core";
import { IconTags } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { api, read } from "@/api/client";
import { meQuery } from "@/api/queries";
import { PageHead } from "@/parts/PageHead";
import { Empty, Loaded, ProblemAlert } from "@/parts/states";
import { SubjectPicker } from "@/parts/SubjectPicker";
import { mayRun } from "@/roles";

import { Agreement, useAgreement } from "./Agreement";
import { Certify } from "./Certify";
import { Desk } from "./Desk";

const AT_ONCE = 50;

export const queueKey = (project: string, judging: string) => ["project", project, "labels", judging] as const;

export function Labelling() {
  const { project = "" } = useParams({ strict: false });
  const { judging } = useSearch({ strict: false }) as { judging?: string };
  const navigate = useNavigate();
  return (
    <>
      <PageHead title="Labelling" says="Check the judge: label without seeing its answer. Your labels validate the judge and correct its numbers." />
      <SubjectPicker
        project={project}
        resource="judgments"
        label="Judging"
        subject={judging}
        onSubject={(chosen) => void navigate({ to: "/p/$project/labelling", params: { project }, search: { judging: chosen }, replace: true })}
        empty={
          <Empty icon={<IconTags />} title="No conversation is judged yet">
            Conversations can be labelled as soon as a judge has ruled on them.
          </Empty>
        }
      >
        {({ subject, run }) => <Queue key={subject} project={project} judging={subject} gated={run?.gated ?? false} />}
      </SubjectPicker>
    </>
  );
}

function Queue({ project, judging, gated }: { project: string; judging: string; gated: boolean }) {
  const me = useQuery(meQuery).data;
  const query = useQuery({
    queryKey: queueKey(project, judging),
    queryFn: () => read(api.GET("/api/v1/projects/{project}/labels/queue", { params: { path: { project }, query: { judging, count: AT_ONCE } } })),
    // the desk keeps its place: what others label meanwhile must not move it
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });
  if (me && !mayRun(me, project))
    return (
      <Alert color="yellow" variant="light" title="You may look, not label">
        Labelling takes the role evaluator in this project. An admin gives it.
      </Alert>
    );
  return (
    <Stack>
      <Agreement project={project} judging={judging} />
      <Certify project={project} judging={judging} gated={gated} />
      <Loaded query={query} what="what is to be labelled">
        {(queue) => (queue.tasks.length === 0 ? <DrawMore project={project} judging={judging} /> : <Desk key={judging} project={project} judging={judging} queue={queue} />)}
      </Loaded>
    </Stack>
  );
}

function DrawMore({ project, judging }: { project: string; judging: string }) {
  const queries = useQueryClient();
  const [count, setCount] = useState(10);
  const rulings = useAgreement(project, judging)?.rulings ?? 0;
  const draw = useMutation({
    mutationFn: () => read(api.POST("/api/v1/projects/{project}/labels/draws", { params: { path: { project } }, body: { judging_id: judging, count, seed: 0 } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: queueKey(project, judging) }),
  });
  return (
    <Empty icon={<IconTags />} title={rulings > 0 ? "All done: nothing is left to label" : "Get conversations to label"}>
      <Text size="sm" mb="sm">
        Conversations are sampled at random, more often where the judge is unsure; weights correct for it.
      </Text>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          draw.mutate();
        }}
      >
        <Group align="flex-end" justify="center">
          <NumberInput label="Conversations" min={1} max={1000} value={count} onChange={(value) => setCount(Number(value) || 1)} w={130} />
          <Button type="submit" loading={draw.isPending}>
            {count === 1 ? "Get 1 conversation" : `Get ${count} conversations`}
          </Button>
        </Group>
      </form>
      {draw.isError && <ProblemAlert error={draw.error} />}
    </Empty>
  );
}
