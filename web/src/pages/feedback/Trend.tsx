/** Satisfaction week by week, and the forecast against what came. */
import { Alert, Card, Text } from "@mantine/core";
import type { EChartsOption } from "echarts";
import { useCallback } from "react";

import type { Schemas } from "@/api/client";
import { Chart, type ChartColours } from "@/parts/Chart";
import { percent } from "@/words";

import { weeks } from "./trend";

export function Trend({ production }: { production: Schemas["ProductionReport"] }) {
  const points = weeks(production.trend);
  const option = useCallback((colours: ChartColours) => optionOf(points, colours), [production]);
  return (
    <>
      {production.falling && (
        <Alert color="red" variant="light" title="Satisfaction is falling">
          The last week is worse than those before, and not by chance.
        </Alert>
      )}
      {points.length > 1 && (
        <Card withBorder padding="sm">
          <Text fw={600} size="sm">
            Satisfied users, week by week
          </Text>
          <Chart
            title="Satisfied users, week by week, with 95 % intervals"
            option={option}
            height={220}
            table={{ columns: ["week", "items", "satisfied", "95 % interval"], rows: points.map((point) => [point.week, String(point.items), percent(point.value), point.low === null ? "too few" : `${percent(point.low)} to ${percent(point.high)}`]) }}
          />
        </Card>
      )}
    </>
  );
}

function optionOf(points: ReturnType<typeof weeks>, colours: ChartColours): EChartsOption {
  return {
    grid: { left: 4, right: 12, top: 14, bottom: 4, containLabel: true },
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value) => (typeof value === "number" ? percent(value) : "too few") },
    xAxis: { type: "category", data: points.map((point) => `${point.week}\nn ${point.items}`), axisLabel: { color: colours.dimmed, lineHeight: 15 }, axisLine: { lineStyle: { color: colours.line } } },
    yAxis: { type: "value", min: 0, max: 1, axisLabel: { color: colours.dimmed, formatter: (value: number) => percent(value, 0) }, splitLine: { lineStyle: { color: colours.line } } },
    series: [
      { name: "lower", type: "line", stack: "interval", data: points.map((point) => point.low), symbol: "none", lineStyle: { opacity: 0 }, tooltip: { show: false } },
      { name: "95 % interval", type: "line", stack: "interval", data: points.map((point) => (point.low === null || point.high === null ? null : point.high - point.low)), symbol: "none", lineStyle: { opacity: 0 }, areaStyle: { color: colours.plain, opacity: 0.18 }, tooltip: { show: false } },
      { name: "satisfied", type: "line", data: points.map((point) => point.value), color: colours.plain, symbolSize: 7 },
    ],
  };
}
