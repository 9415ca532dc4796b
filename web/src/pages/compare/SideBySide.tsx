import { Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "@/api/client";
import { conversationQuery } from "@/api/queries";
import { LinkTo } from "@/parts/links";
import { ProblemAlert, Waiting } from "@/parts/states";

import { alignTurns } from "./align";

interface Side {
  id: string;
  name: string;
}

/** Two conversations of one scenario, turn beside turn. */
export function SideBySide({ project, left, right }: { project: string; left: Side; right: Side }) {
  const one = useQuery(conversationQuery(project, left.id));
  const other = useQuery(conversationQuery(project, right.id));
  const failed = [one, other].find((query) => query.isError);
  if (failed) return <ProblemAlert error={failed.error} again={() => void failed.refetch()} />;
  if (!one.data || !other.data) return <Waiting what="both conversations" />;
  return (
    <Table.ScrollContainer minWidth={560} type="native" tabIndex={0} role="region" aria-label="Both conversations, turn beside turn">
      <Table layout="fixed" highlightOnHover={false}>
        <Table.Thead>
          <Table.Tr>
            {[left, right].map((side) => (
              <Table.Th key={side.id} scope="col">
                <LinkTo to="/p/$project/conversations/$conversationId" params={{ project, conversationId: side.id }}>
                  {side.name}
                </LinkTo>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {alignTurns(one.data.conversation.turns, other.data.conversation.turns).map((pair, index) => (
            <Table.Tr key={index} bg={(pair.left ?? pair.right)?.role === "user" ? "var(--mantine-color-default-hover)" : undefined}>
              <Said turn={pair.left} />
              <Said turn={pair.right} />
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Said({ turn }: { turn: Schemas["Turn"] | null }) {
  if (turn === null) return <Table.Td className="assay-dimmed">–</Table.Td>;
  return (
    <Table.Td valign="top" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
      <Text span size="xs" c="dimmed" display="block">
        {turn.role}
      </Text>
      {turn.tool_calls.map((call, index) => (
        <Text key={index} span display="block" size="xs" ff="monospace" c={call.error ? "var(--assay-bad)" : "dimmed"}>
          {call.name}({Object.values(call.arguments ?? {}).map(String).join(", ")}){call.error ? " failed" : ""}
        </Text>
      ))}
      {turn.text}
    </Table.Td>
  );
}
