/** What each judging and each person ruled, with rationale and evidence. */
import { Anchor, Badge, Card, Group, Stack, Text, Title } from "@mantine/core";

import type { Schemas } from "@/api/client";
import { ToneBadge } from "@/parts/badges";
import { RULINGS } from "@/parts/Transcript";
import { TONES } from "@/theme";
import { percent } from "@/words";

export function Verdicts({ detail }: { detail: Schemas["ConversationDetail"] }) {
  const texts = new Map((detail.scenario?.expectations ?? []).map((one) => [one.expectation_id, `${one.kind === "must" ? "Must" : "Must not"}: ${one.text}`]));
  if (detail.judgments.length + detail.labels.length === 0)
    return (
      <Card withBorder padding="sm">
        <Text size="sm" c="dimmed">
          This conversation is not judged yet.
        </Text>
      </Card>
    );
  return (
    <>
      {[...detail.judgments].reverse().map(({ judging_id, judgment }) => (
        <Card key={judging_id} withBorder padding="sm" component="section" aria-label={`Verdicts of ${judging_id}`}>
          <Group justify="space-between" mb="xs">
            <Title order={2}>Verdicts</Title>
            <ToneBadge tone={judgment.passed === null ? "unsure" : judgment.passed ? "good" : "bad"}>{judgment.passed == null ? "not known" : judgment.passed ? "passed" : "failed"}</ToneBadge>
          </Group>
          {judgment.error && (
            <Text size="sm" c="var(--assay-bad)" mb="xs">
              It was not judged: {judgment.error.detail}
            </Text>
          )}
          <Stack gap="sm">
            {judgment.verdicts.map((verdict) => (
              <OneVerdict key={verdict.expectation_id} verdict={verdict} text={texts.get(verdict.expectation_id)} />
            ))}
          </Stack>
          <Text size="xs" c="dimmed" mt="xs" ff="monospace">
            {judging_id}
          </Text>
        </Card>
      ))}
      {detail.labels.length > 0 && (
        <Card withBorder padding="sm" component="section" aria-label="Labels by people">
          <Title order={2} mb="xs">
            Labels by people
          </Title>
          <Stack gap="sm">
            {detail.labels.map((verdict, index) => (
              <OneVerdict key={index} verdict={verdict} text={texts.get(verdict.expectation_id)} />
            ))}
          </Stack>
        </Card>
      )}
    </>
  );
}

function OneVerdict({ verdict, text }: { verdict: Schemas["Verdict"]; text: string | undefined }) {
  const { tone, word, icon: Icon } = RULINGS[verdict.ruling];
  return (
    <div id={`verdict-${verdict.expectation_id}`} style={{ scrollMarginTop: 80 }}>
      <Group gap={6} align="flex-start" wrap="nowrap">
        <Badge color={TONES[tone]} variant="light" leftSection={<Icon size={11} />} tt="none">
          {word}
        </Badge>
        <Text size="sm" fw={600}>
          {text ?? verdict.expectation_id}
        </Text>
      </Group>
      <Text size="sm" mt={2}>
        {verdict.rationale}
      </Text>
      {verdict.evidence.map((evidence, index) => (
        <Text size="xs" key={index} c="dimmed">
          <Anchor href={`#turn-${evidence.turn}`}>turn {evidence.turn}</Anchor>: “{evidence.quote}”
        </Text>
      ))}
      <Text size="xs" c="dimmed">
        {verdict.source === "code" ? `by code: ${verdict.judge}` : `${verdict.judge}${verdict.source === "human" ? "" : `, ${percent(verdict.confidence, 0)} sure`}`}
      </Text>
    </div>
  );
}
