/** People's rulings, by keyboard, blind to the judge: what admits a judge and sets its rates right. */
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

import { Agreement } from "./Agreement";
import { Desk } from "./Desk";

const AT_ONCE = 50;

export const queueKey = (project: string, judging: string) => ["project", project, "labels", judging] as const;

export function Labelling() {
  const { project = "" } = useParams({ strict: false });
  const { judging } = useSearch({ strict: false }) as { judging?: string };
  const navigate = useNavigate();
  return (
    <>
      <PageHead title="Labelling" says="Rule on what the judge ruled on, without seeing what it said. Labels admit the judge and set its rates right." />
      <SubjectPicker
        project={project}
        resource="judgments"
        label="Judging"
        subject={judging}
        onSubject={(chosen) => void navigate({ to: "/p/$project/labelling", params: { project }, search: { judging: chosen }, replace: true })}
        empty={
          <Empty icon={<IconTags />} title="Nothing is judged yet">
            Conversations can be labelled as soon as a judge has ruled on them.
          </Empty>
        }
      >
        {({ subject }) => <Queue key={subject} project={project} judging={subject} />}
      </SubjectPicker>
    </>
  );
}

function Queue({ project, judging }: { project: string; judging: string }) {
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
      <Loaded query={query} what="what is to be labelled">
        {(queue) => (queue.tasks.length === 0 ? <DrawMore project={project} judging={judging} /> : <Desk key={judging} project={project} judging={judging} queue={queue} />)}
      </Loaded>
    </Stack>
  );
}

function DrawMore({ project, judging }: { project: string; judging: string }) {
  const queries = useQueryClient();
  const [count, setCount] = useState(10);
  const draw = useMutation({
    mutationFn: () => read(api.POST("/api/v1/projects/{project}/labels/draws", { params: { path: { project } }, body: { judging_id: judging, count, seed: 0 } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: queueKey(project, judging) }),
  });
  return (
    <Empty icon={<IconTags />} title="Nothing is left to label">
      <Text size="sm" mb="sm">
        Conversations are drawn by lot, more often where the judge doubts; the chances are kept, so that the numbers stay right.
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
            Draw
          </Button>
        </Group>
      </form>
      {draw.isError && <ProblemAlert error={draw.error} />}
    </Empty>
  );
}
