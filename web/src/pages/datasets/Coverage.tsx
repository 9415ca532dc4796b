import { Card, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useCallback, useMemo, useState } from "react";

import type { Schemas } from "@/api/client";
import { Chart, type ChartColours } from "@/parts/Chart";
import { chartHeight, chartOption, chartTable } from "@/parts/reportChart";

/** Topic by persona: how many scenarios test each; empty cells are what nobody tests. */
export function Coverage({ report }: { report: Schemas["DatasetReport"] }) {
  const [difficulty, setDifficulty] = useState("all");
  const block = useMemo(() => coverageBlock(report.coverage, difficulty), [report, difficulty]);
  const option = useCallback((colours: ChartColours) => chartOption(block, colours), [block]);
  return (
    <Card withBorder padding="sm">
      <Stack gap="xs">
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            Scenarios by topic and persona. A cell without a number is tested by none.
          </Text>
          <SegmentedControl size="xs" aria-label="Difficulty" data={["all", "easy", "medium", "hard"]} value={difficulty} onChange={setDifficulty} />
        </Group>
        <Chart title={block.title} option={option} height={chartHeight(block)} table={chartTable(block)} />
      </Stack>
    </Card>
  );
}

function coverageBlock(cells: readonly Schemas["CoverageCell"][], difficulty: string): Schemas["ChartBlock"] {
  const sums = new Map<string, { topic: string; persona: string; scenarios: number }>();
  for (const cell of cells) {
    if (difficulty !== "all" && cell.difficulty !== difficulty) continue;
    const key = `${cell.topic}\n${cell.persona}`;
    const sum = sums.get(key) ?? { topic: cell.topic, persona: cell.persona, scenarios: 0 };
    sums.set(key, { ...sum, scenarios: sum.scenarios + cell.scenarios });
  }
  const points = [...sums.values()].sort((one, other) => one.topic.localeCompare(other.topic)).map((sum) => ({ label: sum.topic, group: sum.persona, value: sum.scenarios, tone: "plain" as const }));
  return { kind: "chart", chart: "heatmap", title: "Scenarios by topic and persona", points, x_label: "", unit: "count", reference_label: "" };
}
