import { Alert, Stack, Table, Text, Tooltip } from "@mantine/core";
import { IconLink, IconLinkOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";

import { api, read } from "@/api/client";
import { StageBadge, ToneBadge } from "@/parts/badges";
import { Sheet } from "@/parts/Sheet";
import { Loaded } from "@/parts/states";
import { when } from "@/words";

/** Every decision, each line bound to the one before by its hash. */
export function LedgerTable({ project }: { project: string }) {
  const query = useQuery({
    queryKey: ["project", project, "gates", "ledger"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/ledger", { params: { path: { project } } })),
  });
  return (
    <Loaded query={query} what="the ledger">
      {({ check, decisions }) => (
        <Stack>
          {check.intact ? (
            <Alert color="teal" variant="light" icon={<IconLink />} title="The chain is intact">
              {check.decisions === 1 ? "One decision" : `${check.decisions} decisions`}; each line carries the hash of the one before, so none can change unseen.
            </Alert>
          ) : (
            <Alert color="red" variant="light" icon={<IconLinkOff />} title={`The chain is broken at line ${check.first_bad_line}`}>
              {check.problem}. Decisions after that line cannot be trusted; compare with a backup of MLflow's artifacts.
            </Alert>
          )}
          <Sheet label="Ledger" minWidth={720} columns={["When", "Decision", "Stage", "Subject", "By", "Reason", "Hash"]}>
            {decisions.map((line) => (
              <Table.Tr key={line.hash}>
                <Table.Td style={{ whiteSpace: "nowrap" }}>{when(line.at)}</Table.Td>
                <Table.Td>
                  <ToneBadge tone={line.decision === "approve" ? "good" : "bad"}>{line.decision}</ToneBadge>
                </Table.Td>
                <Table.Td>
                  <StageBadge stage={line.stage} />
                </Table.Td>
                <Table.Td ff="monospace" fz="xs">
                  {line.subject_id}
                </Table.Td>
                <Table.Td>{line.by}</Table.Td>
                <Table.Td>{line.reason}</Table.Td>
                <Table.Td>
                  <Tooltip label={`${line.hash}, after ${line.previous}`} multiline maw={420}>
                    <Text span size="xs" ff="monospace" tabIndex={0}>
                      {line.hash.slice(0, 10)}
                    </Text>
                  </Tooltip>
                </Table.Td>
              </Table.Tr>
            ))}
          </Sheet>
        </Stack>
      )}
    </Loaded>
  );
}
