/** Each guardrail over time, with the bounds that hold at every look. */
import { Card, SimpleGrid, Text } from "@mantine/core";
import type { EChartsOption } from "echarts";
import { useCallback } from "react";

import type { Schemas } from "@/api/client";
import { amount, type Measure } from "@/measures";
import { Chart, type ChartColours } from "@/parts/Chart";
import { useMeasures } from "@/parts/useMeasures";
import { when } from "@/words";

import { type Curve, curvesOf } from "./curves";

export function GuardrailCurves({ looks }: { looks: readonly Schemas["RolloutEvaluation"][] }) {
  const curves = curvesOf(looks).filter((curve) => curve.points.length > 1);
  if (curves.length === 0) return null;
  return (
    <SimpleGrid cols={{ base: 1, md: Math.min(3, curves.length) }}>
      {curves.map((curve) => (
        <OneCurve key={curve.measure} curve={curve} />
      ))}
    </SimpleGrid>
  );
}

function OneCurve({ curve }: { curve: Curve }) {
  const measure = useMeasures()(curve.measure);
  const option = useCallback((colours: ChartColours) => optionOf(curve, measure, colours), [curve, measure]);
  const title = `${measure.label}: challenger minus champion, look by look`;
  return (
    <Card withBorder padding="xs">
      <Text size="sm" fw={600}>
        {measure.label}
      </Text>
      <Chart title={title} option={option} height={190} table={{ columns: ["look", "difference", "from", "to"], rows: curve.points.map((point) => [when(point.at), String(point.value), String(point.low), String(point.high)]) }} />
    </Card>
  );
}

function optionOf(curve: Curve, measure: Measure, colours: ChartColours): EChartsOption {
  const unit = (value: number) => amount(measure, value);
  return {
    grid: { left: 4, right: 10, top: 12, bottom: 4, containLabel: true },
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value) => (typeof value === "number" ? unit(value) : "–") },
    xAxis: { type: "category", data: curve.points.map((point) => when(point.at)), axisLabel: { show: false }, axisLine: { lineStyle: { color: colours.line } } },
    yAxis: { type: "value", scale: true, axisLabel: { color: colours.dimmed, formatter: (value: number) => unit(value) }, splitLine: { lineStyle: { color: colours.line } } },
    series: [
      { name: "lower bound", type: "line", data: curve.points.map((point) => point.low), symbol: "none", lineStyle: { type: "dashed", width: 1 }, color: colours.dimmed },
      { name: "upper bound", type: "line", data: curve.points.map((point) => point.high), symbol: "none", lineStyle: { type: "dashed", width: 1 }, color: colours.dimmed },
      {
        name: "difference",
        type: "line",
        data: curve.points.map((point) => point.value),
        symbolSize: 4,
        color: colours.plain,
        markLine: { symbol: "none", silent: true, animation: false, lineStyle: { color: colours.dimmed }, label: { show: false }, data: [{ yAxis: 0 }] },
      },
    ],
  };
}
