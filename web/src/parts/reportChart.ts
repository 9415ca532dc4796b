/** A report's chart as ECharts reads it: a pure function of the ChartBlock contract. */
import type { EChartsOption, SeriesOption } from "echarts";

import type { Schemas } from "@/api/client";
import { metric } from "@/words";

import type { ChartColours, ChartTable } from "./Chart";

type Block = Schemas["ChartBlock"];
type Point = Schemas["ChartPoint"];

export function chartHeight(block: Block): number {
  const labels = new Set(block.points.map((point) => point.label)).size;
  const groups = Math.max(1, new Set(block.points.map((point) => point.group)).size);
  if (block.chart === "line") return 300;
  if (block.chart === "heatmap") return 90 + 30 * labels;
  const rows = block.chart === "bars" ? labels * groups : block.points.length;
  return 80 + Math.min(1200, rows * (block.chart === "bars" && groups > 1 ? 22 : 28));
}

/** A value in the block's unit. */
export function inUnit(value: number, unit: Block["unit"]): string {
  switch (unit) {
    case "share":
      return `${(100 * value).toFixed(1)} %`;
    case "difference":
      return `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)} points`;
    case "seconds":
      return value < 1 ? `${Math.round(1000 * value)} ms` : `${metric(value)} s`;
    case "usd":
      return `$${metric(value)}`;
    default:
      return metric(value);
  }
}

export function chartTable(block: Block): ChartTable {
  const grouped = block.points.some((point) => point.group);
  return {
    columns: [block.chart === "heatmap" ? "row" : "what", ...(grouped ? ["group"] : []), block.x_label || "value", "95 % interval"],
    rows: block.points.map((point) => [
      point.label,
      ...(grouped ? [point.group] : []),
      inUnit(point.value, block.unit),
      hasInterval(point) ? `${inUnit(point.low, block.unit)} to ${inUnit(point.high, block.unit)}` : "",
    ]),
  };
}

export function chartOption(block: Block, colours: ChartColours): EChartsOption {
  switch (block.chart) {
    case "bars":
      return bars(block, colours);
    case "forest":
      return forest(block, colours);
    case "line":
      return line(block, colours);
    case "heatmap":
      return heatmap(block, colours);
  }
}

function hasInterval(point: Point): point is Point & { low: number; high: number } {
  return typeof point.low === "number" && typeof point.high === "number";
}

function label(text: string): string {
  return text.length > 34 ? `${text.slice(0, 33)}…` : text;
}

function valueAxis(block: Block, colours: ChartColours) {
  return {
    type: "value" as const,
    name: block.x_label,
    nameLocation: "middle" as const,
    nameGap: 28,
    nameTextStyle: { color: colours.dimmed },
    axisLabel: { color: colours.dimmed, formatter: (value: number) => inUnit(value, block.unit).replace(".0 ", " "), hideOverlap: true },
    splitLine: { lineStyle: { color: colours.line } },
    ...(block.unit === "share" ? { min: 0, max: 1 } : {}),
  };
}

function categories(names: readonly string[], colours: ChartColours) {
  return {
    type: "category" as const,
    data: [...names],
    inverse: true,
    axisLabel: { color: colours.text, formatter: label },
    axisTick: { show: false },
    axisLine: { lineStyle: { color: colours.line } },
  };
}

function reference(block: Block, colours: ChartColours, axis: "xAxis" | "yAxis") {
  if (typeof block.reference !== "number") return undefined;
  return {
    symbol: "none",
    silent: true,
    animation: false,
    lineStyle: { color: colours.dimmed, type: "dashed" as const },
    label: { formatter: block.reference_label, color: colours.dimmed, position: "end" as const },
    data: [axis === "xAxis" ? { xAxis: block.reference } : { yAxis: block.reference }],
  };
}

function tip(block: Block, points: readonly Point[]) {
  return {
    confine: true,
    formatter: (hit: unknown) => {
      const point = points[(hit as { dataIndex: number }).dataIndex];
      return point ? escaped(saying(block, point)) : "";
    },
  };
}

function saying(block: Block, point: Point): string {
  const interval = hasInterval(point) ? ` (${inUnit(point.low, block.unit)} to ${inUnit(point.high, block.unit)})` : "";
  return `${point.label}${point.group ? `, ${point.group}` : ""}: ${inUnit(point.value, block.unit)}${interval}`;
}

/** Tooltips are HTML, and labels may hold what an agent said. */
function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign] ?? sign);
}

function groupsOf(block: Block): string[] {
  return [...new Set(block.points.map((point) => point.group))];
}

function bars(block: Block, colours: ChartColours): EChartsOption {
  const names = [...new Set(block.points.map((point) => point.label))];
  const groups = groupsOf(block);
  const series = groups.map((group, index): SeriesOption => {
    const points = names.map((name) => block.points.find((point) => point.label === name && point.group === group));
    return {
      type: "bar",
      name: group,
      barMaxWidth: 18,
      data: points.map((point) => ({
        value: point?.value ?? null,
        itemStyle: { color: point && point.tone !== "plain" ? colours[point.tone] : (colours.series[index % colours.series.length] ?? colours.plain), borderRadius: 2 },
      })),
      label: { show: groups.length === 1, position: "right", color: colours.text, formatter: (hit) => inUnit(Number(hit.value), block.unit) },
      tooltip: { formatter: (hit: unknown) => { const point = points[(hit as { dataIndex: number }).dataIndex]; return point ? escaped(saying(block, point)) : ""; } },
      markLine: index === 0 ? reference(block, colours, "xAxis") : undefined,
    } as SeriesOption;
  });
  return {
    grid: { left: 8, right: 70, top: groups.length > 1 ? 34 : 16, bottom: block.x_label ? 40 : 12, containLabel: true },
    legend: groups.length > 1 ? { top: 0, left: 0, textStyle: { color: colours.text } } : undefined,
    tooltip: { trigger: "item", confine: true },
    xAxis: valueAxis(block, colours),
    yAxis: categories(names, colours),
    series,
  };
}

/** A point with its interval a row; the interval is drawn, so that it is seen before it is read. */
function forest(block: Block, colours: ChartColours): EChartsOption {
  const points = block.points;
  const colour = (point: Point) => (point.tone === "plain" ? colours.plain : colours[point.tone]);
  const values = points.flatMap((point) => (hasInterval(point) ? [point.low, point.high] : [point.value]));
  const ends = typeof block.reference === "number" ? [...values, block.reference] : values;
  const pad = 0.08 * (Math.max(...ends) - Math.min(...ends) || 1);
  return {
    grid: { left: 8, right: 24, top: 24, bottom: block.x_label ? 40 : 12, containLabel: true },
    tooltip: { trigger: "item", ...tip(block, points) },
    xAxis: {
      ...valueAxis(block, colours),
      min: block.unit === "share" ? 0 : round(Math.min(...ends) - pad),
      max: block.unit === "share" ? 1 : round(Math.max(...ends) + pad),
    },
    yAxis: categories(points.map((point) => (point.group ? `${point.label}, ${point.group}` : point.label)), colours),
    series: [
      {
        type: "custom",
        silent: true,
        renderItem: (params, at) => {
          const point = points[params.dataIndex];
          if (!point || !hasInterval(point)) return null;
          const [from = 0, y = 0] = at.coord([point.low, params.dataIndex]);
          const [to = 0] = at.coord([point.high, params.dataIndex]);
          const style = { stroke: colour(point), lineWidth: 2 };
          return {
            type: "group",
            children: [
              { type: "line", shape: { x1: from, y1: y, x2: to, y2: y }, style },
              { type: "line", shape: { x1: from, y1: y - 5, x2: from, y2: y + 5 }, style },
              { type: "line", shape: { x1: to, y1: y - 5, x2: to, y2: y + 5 }, style },
            ],
          };
        },
        data: points.map((point, row) => [point.value, row]),
      },
      {
        type: "scatter",
        symbolSize: 10,
        data: points.map((point, row) => ({ value: [point.value, row], itemStyle: { color: colour(point) } })),
        markLine: reference(block, colours, "xAxis"),
      },
    ] as SeriesOption[],
  };
}

function round(value: number): number {
  return Number(value.toPrecision(2));
}

function line(block: Block, colours: ChartColours): EChartsOption {
  const names = [...new Set(block.points.map((point) => point.label))];
  const groups = groupsOf(block);
  return {
    grid: { left: 8, right: 24, top: groups.length > 1 ? 34 : 16, bottom: 34, containLabel: true },
    legend: groups.length > 1 ? { top: 0, left: 0, textStyle: { color: colours.text } } : undefined,
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value) => (typeof value === "number" ? inUnit(value, block.unit) : "–") },
    xAxis: {
      type: "category",
      data: names,
      name: block.x_label,
      nameLocation: "middle",
      nameGap: 26,
      nameTextStyle: { color: colours.dimmed },
      axisLabel: { color: colours.dimmed, hideOverlap: true },
      axisLine: { lineStyle: { color: colours.line } },
    },
    yAxis: { ...valueAxis({ ...block, x_label: "" }, colours) },
    series: groups.map((group, index) => {
      const own = names.map((name) => block.points.find((point) => point.label === name && point.group === group));
      return {
        type: "line",
        name: group || block.title,
        data: own.map((point) => point?.value ?? null),
        symbolSize: 6,
        color: colours.series[index % colours.series.length],
        connectNulls: true,
        markLine: index === 0 ? reference(block, colours, "yAxis") : undefined,
      };
    }) as SeriesOption[],
  };
}

function heatmap(block: Block, colours: ChartColours): EChartsOption {
  const rows = [...new Set(block.points.map((point) => point.label))];
  const columns = groupsOf(block);
  const most = Math.max(...block.points.map((point) => point.value), 0);
  return {
    grid: { left: 8, right: 12, top: 8, bottom: 60, containLabel: true },
    tooltip: { trigger: "item", ...tip(block, block.points) },
    xAxis: { type: "category", data: columns, axisLabel: { color: colours.text, interval: 0, rotate: columns.join("").length > 60 ? 30 : 0, formatter: label }, axisTick: { show: false }, axisLine: { show: false } },
    yAxis: { ...categories(rows, colours), axisLine: { show: false } },
    visualMap: { show: false, min: 0, max: most || 1, inRange: { color: [`${colours.plain}14`, colours.plain] } },
    series: [
      {
        type: "heatmap",
        data: block.points.map((point) => [columns.indexOf(point.group), rows.indexOf(point.label), point.value]),
        label: { show: true, color: colours.text, formatter: (hit) => inUnit((hit.value as number[])[2] ?? 0, block.unit) },
        itemStyle: { borderColor: colours.line, borderWidth: 1 },
      },
    ],
  };
}
