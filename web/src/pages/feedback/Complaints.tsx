/** From a user's words to a scenario to a version that passes it; open again when the complaint comes back. */
import { Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, read } from "@/api/client";
import { ToneBadge } from "@/parts/badges";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";

const STATES = { proposed: "unsure", tested: "plain", closed: "good", reopened: "bad" } as const;

export function Complaints({ project }: { project: string }) {
  const query = useQuery({
    queryKey: ["project", project, "runs", "complaints"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/complaints", { params: { path: { project } } })),
  });
  return (
    <Loaded query={query} what="the complaints">
      {(found) =>
        found.complaints.length === 0 ? (
          <Empty title="No complaint asks for a scenario" />
        ) : (
          <Stack>
            <Text size="sm" c="dimmed">
              A complaint is closed when its scenario passes in {found.k} of {found.k} trials, and open again when it comes back.
            </Text>
            <Sheet label="Complaints" columns={["State", "In a user's words", "Scenario", "Where it stands"]}>
              {found.complaints.map((complaint) => (
                <Table.Tr key={complaint.scenario.scenario_id}>
                  <Table.Td valign="top">
                    <ToneBadge tone={STATES[complaint.state]}>{complaint.state}</ToneBadge>
                  </Table.Td>
                  <Table.Td valign="top">
                    “{complaint.said}”
                    {complaint.feedback_ids.length > 1 && (
                      <Text size="xs" c="dimmed">
                        said {complaint.feedback_ids.length} times
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td valign="top">{complaint.scenario.scenario_id}</Table.Td>
                  <Table.Td valign="top">{complaint.words}</Table.Td>
                </Table.Tr>
              ))}
            </Sheet>
          </Stack>
        )
      }
    </Loaded>
  );
}
