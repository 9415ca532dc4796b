/** One ECharts canvas, in the page's colours, with its numbers as a table for who cannot see it. */
import { Table, useComputedColorScheme, VisuallyHidden } from "@mantine/core";
import { BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import type { EChartsOption } from "echarts";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

echarts.use([
  BarChart, LineChart, ScatterChart, HeatmapChart, CustomChart,
  GridComponent, TooltipComponent, LegendComponent, MarkLineComponent, MarkAreaComponent, VisualMapComponent,
  CanvasRenderer,
]);

export interface ChartColours {
  text: string;
  dimmed: string;
  line: string;
  good: string;
  bad: string;
  unsure: string;
  plain: string;
  series: readonly string[];
}

export const COLOURS: Record<"light" | "dark", ChartColours> = {
  light: {
    text: "#212529", dimmed: "#5c636a", line: "#dee2e6",
    good: "#0a8f6c", bad: "#d6336c", unsure: "#c77700", plain: "#0b7285",
    series: ["#0b7285", "#c77700", "#7048e8", "#d6336c", "#0a8f6c", "#5c636a"],
  },
  dark: {
    text: "#e9ecef", dimmed: "#a6adb4", line: "#3b4046",
    good: "#38d9a9", bad: "#faa2c1", unsure: "#ffc078", plain: "#49a6b9",
    series: ["#49a6b9", "#ffc078", "#b197fc", "#faa2c1", "#38d9a9", "#a6adb4"],
  },
};

export interface ChartTable {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** `option` is given the colours in force. `title` names the chart for screen readers, `table` holds its numbers. */
export function Chart({ title, option, height, table }: { title: string; option: (colours: ChartColours) => EChartsOption; height: number; table?: ChartTable }) {
  const scheme = useComputedColorScheme("light");
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);

  useEffect(() => {
    const made = echarts.init(box.current, undefined, { renderer: "canvas" });
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    if (box.current) watch.observe(box.current);
    return () => {
      watch.disconnect();
      made.dispose();
    };
  }, []);

  useEffect(() => {
    const colours = COLOURS[scheme];
    chart.current?.setOption(
      {
        animationDuration: 250,
        textStyle: { color: colours.text, fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", fontSize: 12 },
        tooltip: { confine: true },
        ...option(colours),
      },
      { notMerge: true },
    );
  }, [option, scheme]);

  return (
    <figure style={{ margin: 0 }}>
      <div ref={box} role="img" aria-label={title} style={{ width: "100%", height }} />
      {table && (
        <VisuallyHidden>
          <Table>
            <caption>{title}</caption>
            <thead>
              <tr>
                {table.columns.map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((cell, place) => (
                    <td key={place}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </Table>
        </VisuallyHidden>
      )}
    </figure>
  );
}
