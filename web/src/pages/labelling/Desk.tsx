/** One conversation after the other, ruled on by keys. */
import { Badge, Button, Card, Grid, Group, Kbd, Modal, Progress, Stack, Table, Text, Title } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { IconKeyboard } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { ProblemAlert } from "@/parts/states";
import { Transcript } from "@/parts/Transcript";

import { AskList } from "./AskList";
import { AgainstJudge } from "./AgainstJudge";
import { queueKey } from "./Labelling";
import { type Draft, filledIn, isComplete, nextOpen, type Ruling, type Task, withSaid, without } from "./labelling";

const KEYS: readonly [string[], string][] = [
  [["m", "1"], "met"],
  [["n", "2"], "not met"],
  [["a", "3"], "cannot tell"],
  [["j", "↓"], "next expectation"],
  [["k", "↑"], "expectation before"],
  [["c"], "write a note, Esc leaves it"],
  [["Enter"], "store, and on to the next conversation"],
  [["u"], "back to the conversation before"],
  [["?"], "these keys"],
];

export function Desk({ project, judging, queue }: { project: string; judging: string; queue: Schemas["LabelQueue"] }) {
  const queries = useQueryClient();
  const [draft, keep] = useDraft(project, judging);
  const [place, setPlace] = useState(0);
  const [ask, setAsk] = useState(0);
  const [stored, setStored] = useState<Task[]>([]);
  const [help, { open: showKeys, close: hideKeys }] = useDisclosure(false);
  const notes = useRef<Record<number, HTMLTextAreaElement | null>>({});
  const task = queue.tasks[place];

  const store = useMutation({
    mutationFn: (filled: Task) => read(api.POST("/api/v1/projects/{project}/labels", { params: { path: { project } }, body: { tasks: [filled] } })),
    onSuccess: async (_, filled) => {
      setStored((before) => [...before.filter((other) => other.conversation_id !== filled.conversation_id), filled]);
      keep(without(draft, filled.conversation_id));
      setAsk(0);
      void queries.invalidateQueries({ queryKey: ["project", project, "labels", judging, "agreement"] });
      if (place + 1 < queue.tasks.length) setPlace(place + 1);
      else await queries.invalidateQueries({ queryKey: queueKey(project, judging), exact: true });
    },
  });

  const rule = (ruling: Ruling) => {
    const asked = task?.asks[ask];
    if (!task || !asked || help) return;
    const now = withSaid(draft, task, asked.expectation_id, { ruling });
    keep(now);
    setAsk(nextOpen(now, task, ask));
  };
  const move = (by: number) => task && setAsk(Math.min(Math.max(ask + by, 0), task.asks.length - 1));
  const finish = () => task && !store.isPending && isComplete(draft, task) && store.mutate(filledIn(draft, task));
  const back = () => {
    if (place === 0) return;
    setPlace(place - 1);
    setAsk(0);
  };
  useHotkeys([
    ["m", () => rule("met")],
    ["1", () => rule("met")],
    ["n", () => rule("not_met")],
    ["2", () => rule("not_met")],
    ["a", () => rule("abstained")],
    ["3", () => rule("abstained")],
    ["j", () => move(1)],
    ["ArrowDown", () => move(1)],
    ["k", () => move(-1)],
    ["ArrowUp", () => move(-1)],
    ["c", () => notes.current[ask]?.focus()],
    ["u", back],
    ["Enter", finish],
    ["shift+?", showKeys],
    ["?", showKeys],
  ]);

  if (task === undefined) return null;
  const done = stored.length;
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text size="sm" role="status" aria-live="polite">
          Conversation {place + 1} of {queue.tasks.length}
          {done > 0 && `, ${done} stored`}
        </Text>
        <Button size="xs" variant="subtle" color="gray" leftSection={<IconKeyboard size={15} />} onClick={showKeys}>
          Keys
        </Button>
      </Group>
      <Progress value={(100 * done) / queue.tasks.length} aria-label="Labelled so far" size="sm" />
      <Grid>
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Card withBorder component="section" aria-label="Conversation">
            <Group gap="xs" mb="xs">
              <Title order={2}>{task.scenario_id}</Title>
              <Badge variant="light" color="gray">
                trial {task.trial}
              </Badge>
            </Group>
            {task.goal && (
              <Text size="sm" c="dimmed" mb="sm">
                The user wants: {task.goal}
              </Text>
            )}
            <Transcript conversation={{ turns: task.turns, simulator_faults: [] }} />
          </Card>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <div style={{ position: "sticky", top: 68 }}>
            <AskList
              task={task}
              draft={draft}
              current={ask}
              choose={setAsk}
              say={(index, part) => {
                const asked = task.asks[index];
                if (asked) keep(withSaid(draft, task, asked.expectation_id, part));
              }}
              noteRef={(index, element) => {
                notes.current[index] = element;
              }}
            />
            <Group mt="sm" gap="xs">
              <Button onClick={finish} disabled={!isComplete(draft, task)} loading={store.isPending} rightSection={<Kbd size="xs">Enter</Kbd>}>
                Store and go on
              </Button>
              <Button variant="default" onClick={back} disabled={place === 0} rightSection={<Kbd size="xs">u</Kbd>}>
                Back
              </Button>
            </Group>
            {store.isError && <ProblemAlert error={store.error} again={finish} />}
            {stored.length > 0 && <AgainstJudge project={project} judging={judging} task={stored[stored.length - 1] as Task} />}
          </div>
        </Grid.Col>
      </Grid>
      <Modal opened={help} onClose={hideKeys} title="Keys">
        <Table>
          <Table.Tbody>
            {KEYS.map(([keys, words]) => (
              <Table.Tr key={words}>
                <Table.Td w={130}>
                  <Group gap={4}>
                    {keys.map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </Group>
                </Table.Td>
                <Table.Td>{words}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Modal>
    </Stack>
  );
}

/** What was said and is not stored yet survives a reload. */
function useDraft(project: string, judging: string): [Draft, (draft: Draft) => void] {
  const key = `assay-labels-${project}-${judging}`;
  const [draft, setDraft] = useState<Draft>(() => {
    try {
      return JSON.parse(localStorage.getItem(key) ?? "{}") as Draft;
    } catch {
      return {};
    }
  });
  useEffect(() => localStorage.setItem(key, JSON.stringify(draft)), [key, draft]);
  return [draft, setDraft];
}
