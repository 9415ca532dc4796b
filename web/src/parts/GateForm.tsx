/** One gate's decision: approve or reject, with a reason, under the name of whoever is here. */
import { Alert, Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, ApiProblem, read, type Schemas } from "@/api/client";
import { meQuery } from "@/api/queries";
import { mayDecide } from "@/roles";
import { STAGES, stageView } from "@/stages";
import { when } from "@/words";

import { useReason } from "./reasons";
import { ProblemAlert } from "./states";

type Decision = Schemas["GateAnswer"]["decision"];

const DONE: Record<Decision, string> = { approve: "approved", reject: "rejected" };

/**
 * `gate.decision` is what the person sees as decided so far. A new decision overrules exactly that one: if somebody
 * else has decided meanwhile, the server refuses it and names them, and the typed reason stays.
 */
export function GateForm({ project, gate, done }: { project: string; gate: Pick<Schemas["GateState"], "stage" | "subject_id" | "decision">; done?: (decision: Decision) => void }) {
  const { stage, subject_id: subject, decision: before } = gate;
  const queries = useQueryClient();
  const me = useQuery(meQuery).data;
  const [reason, setReason] = useReason(project, subject);
  const refresh = () => Promise.all((["gates", "jobs", "runs"] as const).map((part) => queries.invalidateQueries({ queryKey: ["project", project, part] })));
  const decide = useMutation({
    mutationFn: (decision: Decision) =>
      read(
        api.POST("/api/v1/projects/{project}/gates/{stage}/{subject_id}", {
          params: { path: { project, stage, subject_id: subject } },
          body: { decision, reason: reason.trim(), overrules: before?.hash ?? null },
        }),
      ),
    onSuccess: async (_, decision) => {
      setReason("");
      notifications.show({ title: decision === "approve" ? "Approved" : "Rejected", message: `${subject}: recorded in the ledger under your name.`, color: decision === "approve" ? "teal" : "red" });
      done?.(decision);
      await refresh();
    },
    // shows who was first
    onError: (error) => (error instanceof ApiProblem && error.status === 409 ? refresh() : undefined),
  });
  const allowed = me !== undefined && mayDecide(me, project);
  const next = STAGES[stageView(stage).number];
  const follows = next ? `If you approve, stage ${next.number}, ${next.title}, may use it.` : "If you approve, the report counts.";
  return (
    <form
      aria-label={`Decide on ${subject}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.trim()) decide.mutate("approve");
      }}
    >
      <Stack gap="xs">
        {before && (
          <Alert color={before.decision === "approve" ? "teal" : "red"} variant="light" title={`${before.by} ${DONE[before.decision]} this on ${when(before.at)}`}>
            “{before.reason}” A new decision overrules it. Both stay in the ledger.
          </Alert>
        )}
        <Textarea
          label="Reason"
          description={allowed ? `${follows} If you reject, nothing may. Your decision is recorded in the ledger, as ${me?.name}.` : "Deciding needs the role approver or admin in this project. An admin can grant it."}
          placeholder="What you looked at, and why it is good enough or not"
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          autosize
          minRows={2}
          disabled={!allowed}
        />
        {decide.isError && <ProblemAlert error={decide.error} />}
        <Group gap="xs">
          <Button type="submit" disabled={!allowed || !reason.trim()} loading={decide.isPending && decide.variables === "approve"}>
            Approve
          </Button>
          <Button color="red" variant="light" disabled={!allowed || !reason.trim()} loading={decide.isPending && decide.variables === "reject"} onClick={() => decide.mutate("reject")}>
            Reject
          </Button>
          {allowed && !reason.trim() && (
            <Text size="xs" c="dimmed">
              Write a reason first.
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}
