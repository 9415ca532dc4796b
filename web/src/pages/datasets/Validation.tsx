import { Alert, Stack, Table, Text } from "@mantine/core";

import type { Schemas } from "@/api/client";
import { ToneBadge } from "@/parts/badges";
import { Sheet } from "@/parts/Sheet";

const SEVERITY = { error: "bad", warning: "unsure", note: "plain" } as const;

/** What validation found, and how to mend it. */
export function Validation({ report }: { report: Schemas["DatasetReport"] }) {
  return (
    <Stack>
      <Alert color={report.passed ? "teal" : "red"} variant="light" title={report.passed ? "The dataset may be used" : "The dataset should not be used yet"}>
        Score {report.score.toFixed(2)} of {report.threshold.toFixed(2)} needed.{" "}
        {report.detectable_difference != null ? `With this many scenarios a difference of ${(100 * report.detectable_difference).toFixed(0)} points is found 80 % of the time.` : "There are too few scenarios to say what difference they would show."} {report.detectable_how}
      </Alert>
      {report.findings.length === 0 ? (
        <Text size="sm">Nothing was found.</Text>
      ) : (
        <Sheet label="Findings" minWidth={520} columns={["Severity", "What was found", "How to mend it"]}>
          {report.findings.map((finding, index) => (
            <Table.Tr key={index}>
              <Table.Td valign="top">
                <ToneBadge tone={SEVERITY[finding.severity]}>{finding.severity}</ToneBadge>
                <Text size="xs" c="dimmed">
                  {finding.rule.replaceAll("_", " ")}
                </Text>
              </Table.Td>
              <Table.Td valign="top">
                {finding.message}
                {finding.scenario_ids.length > 0 && (
                  <Text size="xs" c="dimmed">
                    {finding.scenario_ids.slice(0, 8).join(", ")}
                    {finding.scenario_ids.length > 8 && ` and ${finding.scenario_ids.length - 8} more`}
                  </Text>
                )}
              </Table.Td>
              <Table.Td valign="top">{finding.fix}</Table.Td>
            </Table.Tr>
          ))}
        </Sheet>
      )}
    </Stack>
  );
}
