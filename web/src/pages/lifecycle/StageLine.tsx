/** The lifecycle as a line of eight stages: what each has, what runs, and which gate waits. */
import { Box, Group, Text, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconHourglass, IconLoader2, IconPointFilled, IconX } from "@tabler/icons-react";

import type { Schemas } from "@/api/client";
import { LinkTo } from "@/parts/links";
import { stageView } from "@/stages";

import classes from "./StageLine.module.css";
import { type Standing, standingOf } from "./standing";

const MARKS: Record<Standing, { icon: typeof IconCheck; word: string }> = {
  running: { icon: IconLoader2, word: "running" },
  waiting: { icon: IconHourglass, word: "waiting for a decision" },
  rejected: { icon: IconX, word: "rejected" },
  failed: { icon: IconAlertTriangle, word: "failed" },
  done: { icon: IconCheck, word: "done" },
  empty: { icon: IconPointFilled, word: "not started" },
};

export function StageLine({ project, lifecycle }: { project: string; lifecycle: Schemas["Lifecycle"] }) {
  return (
    <Box component="ol" className={classes.line}>
      {lifecycle.stages.map((state) => {
        const view = stageView(state.stage);
        const standing = standingOf(state);
        const { icon: Icon, word } = MARKS[standing];
        return (
          <li key={state.stage} className={classes.stage} data-standing={standing}>
            <Tooltip label={state.headline || view.says} multiline maw={360} position="bottom">
              <LinkTo {...({ to: `/p/${project}/${view.path}` } as unknown as { to: "/" })} underline="never" c="inherit" className={classes.link}>
                <Group gap={6} wrap="nowrap">
                  <span className={classes.mark}>
                    <Icon size={14} aria-hidden />
                  </span>
                  <Text size="sm" fw={600} truncate>
                    {view.title}
                  </Text>
                </Group>
                <Text size="xs" className="assay-dimmed" truncate>
                  {counts(state, standing, word)}
                </Text>
              </LinkTo>
            </Tooltip>
          </li>
        );
      })}
    </Box>
  );
}

function counts(state: Schemas["StageState"], standing: Standing, word: string): string {
  if (state.running > 0) return `${state.running} running`;
  if (state.waiting > 0) return state.waiting === 1 ? "1 gate waits" : `${state.waiting} gates wait`;
  if (standing === "rejected") return "newest result rejected";
  if (state.finished > 0) return state.finished === 1 ? "1 result" : `${state.finished} results`;
  return word;
}
