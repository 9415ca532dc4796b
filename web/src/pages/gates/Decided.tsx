import { Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { gatesQuery } from "@/api/queries";
import { Ago, StageBadge, ToneBadge } from "@/parts/badges";
import { LinkTo } from "@/parts/links";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";
import { resultPlace } from "@/places";

/** Gates with a decision, the newest first. */
export function Decided({ project }: { project: string }) {
  const approved = useQuery(gatesQuery(project, "approved"));
  const rejected = useQuery(gatesQuery(project, "rejected"));
  return (
    <Loaded query={approved} what="what was approved">
      {(yes) => {
        const all = [...yes.items, ...(rejected.data?.items ?? [])].sort((one, other) => (other.decision?.at ?? "").localeCompare(one.decision?.at ?? ""));
        if (all.length === 0) return <Empty title="Nothing was decided yet" />;
        return (
          <Sheet label="Decided gates" minWidth={720} columns={["Stage", "Decision", "On what", "By whom, and why", "When"]}>
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
                    {gate.decision?.mode !== "person" && <Text size="xs" c="dimmed">{gate.decision?.mode === "approve_all" ? "nobody looked: approve-all" : "by the written policy"}</Text>}
                    <Text size="xs" c="dimmed">
                      {gate.decision?.reason}
                    </Text>
                  </Table.Td>
                  <Table.Td>{gate.decision && <Ago at={gate.decision.at} />}</Table.Td>
                </Table.Tr>
              );
            })}
          </Sheet>
        );
      }}
    </Loaded>
  );
}
