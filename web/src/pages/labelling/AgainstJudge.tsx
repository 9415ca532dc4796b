import { Alert, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { conversationQuery } from "@/api/queries";
import { RULINGS } from "@/parts/Transcript";

import { differences, type Task } from "./labelling";

/** What the judge said of the conversation that was stored last: shown only now, so that nobody is led by it. */
export function AgainstJudge({ project, judging, task }: { project: string; judging: string; task: Task }) {
  const query = useQuery(conversationQuery(project, task.conversation_id));
  const judged = query.data?.judgments.find((one) => one.judging_id === judging);
  if (!judged) return null;
  const apart = differences(task, judged.judgment.verdicts);
  return (
    <Alert mt="sm" variant="light" color={apart.length === 0 ? "teal" : "yellow"} title={apart.length === 0 ? `${task.scenario_id}: the judge ruled as you did` : `${task.scenario_id}: the judge ruled otherwise`}>
      {apart.map((one) => (
        <Text size="sm" key={one.text}>
          {one.text} You: {one.mine && RULINGS[one.mine].word}. The judge: {RULINGS[one.judges].word}, “{one.rationale}”
        </Text>
      ))}
    </Alert>
  );
}
