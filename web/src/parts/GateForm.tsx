/** One gate's decision: approve or reject, with a reason, under the name of whoever is here. */
import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { meQuery } from "@/api/queries";
import { mayDecide } from "@/roles";
import { STAGES, stageView } from "@/stages";

import { ProblemAlert } from "./states";

type Decision = Schemas["GateAnswer"]["decision"];

export function GateForm({ project, stage, subject, done }: { project: string; stage: Schemas["Stage"]; subject: string; done?: (decision: Decision) => void }) {
  const queries = useQueryClient();
  const me = useQuery(meQuery).data;
  const [reason, setReason] = useState("");
  const decide = useMutation({
    mutationFn: (decision: Decision) =>
      read(api.POST("/api/v1/projects/{project}/gates/{stage}/{subject_id}", { params: { path: { project, stage, subject_id: subject } }, body: { decision, reason: reason.trim() } })),
    onSuccess: async (_, decision) => {
      setReason("");
      notifications.show({ title: decision === "approve" ? "Approved" : "Rejected", message: `${subject}: it stands in the ledger under your name.`, color: decision === "approve" ? "teal" : "red" });
      await Promise.all((["gates", "jobs", "runs"] as const).map((part) => queries.invalidateQueries({ queryKey: ["project", project, part] })));
      done?.(decision);
    },
  });
  const allowed = me !== undefined && mayDecide(me, project);
  const next = STAGES[stageView(stage).number];
  return (
    <form
      aria-label={`Decide on ${subject}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.trim()) decide.mutate("approve");
      }}
    >
      <Stack gap="xs">
        <Textarea
          label="Reason"
          description={allowed ? `${next ? `Approved, stage ${next.number}, ${next.title}, may start on it.` : "Approved, the report counts."} Rejected, nothing may. Either way it stands in the ledger, under ${me?.name}.` : "Deciding takes the role approver in this project."}
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
              A reason comes first.
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}
