import { Modal, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { gatesQuery } from "@/api/queries";
import { Ago, StageBadge, ToneBadge } from "@/parts/badges";
import { GateForm } from "@/parts/GateForm";
import { LinkTo } from "@/parts/links";
import { PermittedButton } from "@/parts/Permitted";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";
import { resultPlace } from "@/places";

/** Gates with a decision, the newest first. Each decision can be overruled, with a reason. */
export function Decided({ project }: { project: string }) {
  const approved = useQuery(gatesQuery(project, "approved"));
  const rejected = useQuery(gatesQuery(project, "rejected"));
  const [changing, setChanging] = useState<string | null>(null);
  return (
    <Loaded query={approved} what="what was approved">
      {(yes) => {
        const all = [...yes.items, ...(rejected.data?.items ?? [])].sort((one, other) => (other.decision?.at ?? "").localeCompare(one.decision?.at ?? ""));
        if (all.length === 0) return <Empty title="Nothing has been decided yet" />;
        const gate = all.find((one) => one.subject_id === changing);
        return (
          <>
            <Sheet label="Decided gates" minWidth={820} columns={["Stage", "Decision", "On what", "By whom, and why", "When", "Change"]}>
              {all.map((gate) => {
                const place = resultPlace(project, gate.stage, gate.subject_id);
                return (
                  <Table.Tr key={gate.subject_id}>
                    <Table.Td>
                      <StageBadge stage={gate.stage} />
                    </Table.Td>
                    <Table.Td>
                      <ToneBadge tone={gate.state === "approved" ? "good" : "bad"}>{gate.state}</ToneBadge>
                    </Table.Td>
                    <Table.Td>{place ? <LinkTo {...place}>{gate.summary || gate.subject_id}</LinkTo> : gate.summary}</Table.Td>
                    <Table.Td>
                      {gate.decision?.by}
                      {gate.decision?.mode !== "person" && <Text size="xs" c="dimmed">{gate.decision?.mode === "approve_all" ? "approved automatically (--approve-all)" : "by the written policy"}</Text>}
                      <Text size="xs" c="dimmed">
                        {gate.decision?.reason}
                      </Text>
                    </Table.Td>
                    <Table.Td>{gate.decision && <Ago at={gate.decision.at} />}</Table.Td>
                    <Table.Td>
                      <PermittedButton project={project} need="decide" size="compact-xs" variant="default" onClick={() => setChanging(gate.subject_id)} aria-label={`Decide again on ${gate.subject_id}`}>
                        Decide again
                      </PermittedButton>
                    </Table.Td>
                  </Table.Tr>
                );
              })}
            </Sheet>
            <Modal opened={gate !== undefined} onClose={() => setChanging(null)} title="Decide again" size="lg">
              {gate && (
                <>
                  <Text size="sm" mb="sm">
                    {gate.summary || gate.subject_id}
                  </Text>
                  <GateForm key={gate.subject_id} project={project} gate={gate} done={() => setChanging(null)} />
                </>
              )}
            </Modal>
          </>
        );
      }}
    </Loaded>
  );
}
