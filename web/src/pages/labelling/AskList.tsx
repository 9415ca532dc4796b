/** The expectations of one conversation; the one that keys speak of is marked. */
import { Button, Card, Group, Stack, Text, Textarea } from "@mantine/core";

import { RULINGS } from "@/parts/Transcript";
import { TONES } from "@/theme";

import { type Draft, type Ruling, type Said, saidOf, type Task } from "./labelling";

const CHOICES: readonly { ruling: Ruling; words: { asked: string; prohibited: string }; key: string }[] = [
  { ruling: "met", words: { asked: "Met", prohibited: "Met: it did not" }, key: "m" },
  { ruling: "not_met", words: { asked: "Not met", prohibited: "Not met: it did" }, key: "n" },
  { ruling: "abstained", words: { asked: "Cannot tell", prohibited: "Cannot tell" }, key: "a" },
];

export function AskList({ task, draft, current, choose, say, noteRef }: {
  task: Task;
  draft: Draft;
  current: number;
  choose: (index: number) => void;
  say: (index: number, part: Partial<Said>) => void;
  noteRef: (index: number, element: HTMLTextAreaElement | null) => void;
}) {
  return (
    <Stack gap="xs">
      {task.asks.map((ask, index) => {
        const said = saidOf(draft, task, ask.expectation_id);
        return (
          <Card
            key={ask.expectation_id}
            withBorder
            padding="sm"
            component="section"
            aria-label={`Expectation ${index + 1} of ${task.asks.length}`}
            aria-current={index === current ? "step" : undefined}
            style={index === current ? { borderColor: "var(--mantine-primary-color-filled)", boxShadow: "0 0 0 1px var(--mantine-primary-color-filled)" } : undefined}
            onClick={() => choose(index)}
          >
            <Text size="sm" mb="xs">
              <b>{ask.kind === "must" ? "Must" : "Must not"}:</b> {ask.text}
            </Text>
            <Group gap={6} mb="xs" role="group" aria-label="Your ruling">
              {CHOICES.map(({ ruling, words, key }) => {
                const { tone, icon: Icon } = RULINGS[ruling];
                const chosen = said.ruling === ruling;
                return (
                  <Button key={ruling} size="xs" variant={chosen ? "light" : "default"} color={TONES[tone]} aria-pressed={chosen} leftSection={<Icon size={13} />} onClick={() => say(index, { ruling })}>
                    {ask.kind === "must_not" ? words.prohibited : words.asked}
                    <Text span size="xs" c="dimmed" ml={6} aria-hidden>
                      {key}
                    </Text>
                  </Button>
                );
              })}
            </Group>
            {(index === current || said.note) && (
              <Textarea
                ref={(element) => noteRef(index, element)}
                aria-label="Note"
                placeholder="Why, if it is worth a word (c)"
                size="xs"
                autosize
                minRows={1}
                value={said.note}
                onChange={(event) => say(index, { note: event.currentTarget.value })}
                onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
              />
            )}
          </Card>
        );
      })}
    </Stack>
  );
}
