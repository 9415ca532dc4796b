/** One conversation: what was said, what it took, and the verdicts beside the turns they rest on. */
import { Alert, Badge, Button, Card, Grid, Group, Stack, Text } from "@mantine/core";
import { IconExternalLink } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { conversationQuery } from "@/api/queries";
import { Ago } from "@/parts/badges";
import { ButtonTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { Loaded } from "@/parts/states";
import { notesOf, Transcript } from "@/parts/Transcript";
import { agentName, seconds } from "@/words";

import { STOPS } from "./filters";
import { ScenarioCard } from "./ScenarioCard";
import { TurnCosts } from "./TurnCosts";
import { Verdicts } from "./Verdicts";

export function Conversation() {
  const { project = "", conversationId = "" } = useParams({ strict: false });
  const query = useQuery(conversationQuery(project, conversationId));
  return (
    <Loaded query={query} what="the conversation">
      {(detail) => <View project={project} detail={detail} />}
    </Loaded>
  );
}

function View({ project, detail }: { project: string; detail: Schemas["ConversationDetail"] }) {
  const { conversation } = detail;
  const newest = detail.judgments.at(-1)?.judgment.verdicts ?? [];
  return (
    <>
      <PageHead
        title={`${conversation.scenario_id}, trial ${conversation.trial}`}
        says={
          <Group gap="xs">
            <span>{agentName(conversation.agent)}</span>
            <Badge variant="light" color={conversation.error ? "red" : "gray"} tt="none">
              {STOPS[conversation.stop_reason]}
            </Badge>
            <span>
              <Ago at={conversation.started_at} />, {seconds(conversation.duration_s)}
            </span>
            {conversation.replayed && <span>· replayed: no independent trial</span>}
          </Group>
        }
      >
        <ButtonTo to="/p/$project/conversations" params={{ project }} search={{ scenario: conversation.scenario_id }} variant="default">
          Other trials
        </ButtonTo>
        {detail.mlflow_url && (
          <Button component="a" href={detail.mlflow_url} target="_blank" rel="noopener" variant="default" rightSection={<IconExternalLink size={14} />}>
            In MLflow
          </Button>
        )}
      </PageHead>
      <Grid>
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <Stack>
            {(conversation.reruns ?? 0) > 0 && (
              <Alert color="yellow" variant="light" title="Played again">
                The user simulator erred in {conversation.reruns === 1 ? "an attempt" : `${conversation.reruns} attempts`} before ({conversation.rerun_faults.map((fault) => fault.kind.replaceAll("_", " ")).join(", ")}). That is counted, and this attempt is what stands.
              </Alert>
            )}
            <Transcript conversation={conversation} notes={notesOf(newest)} />
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <Stack>
            <Verdicts detail={detail} />
            {detail.scenario && <ScenarioCard scenario={detail.scenario} />}
            <TurnCosts turns={conversation.turns} />
            {detail.feedback.length > 0 && <FeedbackCard feedback={detail.feedback} />}
          </Stack>
        </Grid.Col>
      </Grid>
    </>
  );
}

function FeedbackCard({ feedback }: { feedback: readonly Schemas["Feedback"][] }) {
  return (
    <Card withBorder padding="sm" component="section" aria-label="Feedback">
      {feedback.map((item) => (
        <Text size="sm" key={item.feedback_id}>
          {item.thumbs === "down" ? "Thumbs down" : item.thumbs === "up" ? "Thumbs up" : ""}
          {item.rating ? ` ${item.rating} of 5` : ""} {item.comment}
        </Text>
      ))}
    </Card>
  );
}
