import { Card, Group, Text, Title } from "@mantine/core";
import { useCallback, useMemo } from "react";

import type { Schemas } from "@/api/client";
import { Chart, type ChartColours } from "@/parts/Chart";
import { chartHeight, chartOption, chartTable } from "@/parts/reportChart";
import { count, seconds, usd } from "@/words";

/** Latency of each agent turn, and what the conversation took in all. */
export function TurnCosts({ turns }: { turns: readonly Schemas["Turn"][] }) {
  const block = useMemo(() => latencyBlock(turns), [turns]);
  const option = useCallback((colours: ChartColours) => chartOption(block, colours), [block]);
  const tokens = turns.reduce((sum, turn) => sum + (turn.input_tokens ?? 0) + (turn.output_tokens ?? 0), 0);
  const priced = turns.filter((turn) => turn.cost_usd != null);
  if (block.points.length === 0) return null;
  return (
    <Card withBorder padding="sm" component="section" aria-label="What it took">
      <Title order={2} mb={4}>
        What it took
      </Title>
      <Group gap="md">
        <Text size="sm">{seconds(block.points.reduce((sum, point) => sum + point.value, 0))} of agent time</Text>
        {tokens > 0 && <Text size="sm">{count(tokens)} tokens</Text>}
        <Text size="sm">cost: {priced.length > 0 ? usd(priced.reduce((sum, turn) => sum + Number(turn.cost_usd), 0)) : "not known"}</Text>
      </Group>
      <Chart title={block.title} option={option} height={Math.min(chartHeight(block), 320)} table={chartTable(block)} />
    </Card>
  );
}

function latencyBlock(turns: readonly Schemas["Turn"][]): Schemas["ChartBlock"] {
  const points = turns.flatMap((turn, index) => (turn.role === "agent" && turn.latency_s != null ? [{ label: `turn ${index}`, value: turn.latency_s, group: "", tone: "plain" as const }] : []));
  return { kind: "chart", chart: "bars", title: "Latency of the agent by turn", points, x_label: "", unit: "seconds", reference_label: "" };
}
