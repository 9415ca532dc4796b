/** Small words with a colour; the colour never stands alone for the meaning. */
import { Badge, type BadgeProps, Tooltip } from "@mantine/core";

import type { Schemas } from "@/api/client";
import { stageView } from "@/stages";
import { TONES, type Tone } from "@/theme";
import { ago, when } from "@/words";

export function ToneBadge({ tone, children, ...rest }: { tone: Tone; children: string } & BadgeProps) {
  return (
    <Badge color={TONES[tone]} variant="light" {...rest}>
      {children}
    </Badge>
  );
}

type RunStatus = Schemas["RunItem"]["status"] | Schemas["JobStatus"];

const STATUS: Record<RunStatus, { tone: Tone | "live"; word: string }> = {
  CREATED: { tone: "plain", word: "queued" },
  SCHEDULED: { tone: "plain", word: "queued" },
  RUNNING: { tone: "live", word: "running" },
  FINISHED: { tone: "good", word: "finished" },
  SUCCEEDED: { tone: "good", word: "succeeded" },
  FAILED: { tone: "bad", word: "failed" },
  KILLED: { tone: "bad", word: "killed" },
  CANCELLED: { tone: "unsure", word: "cancelled" },
};

export function StatusBadge({ status }: { status: RunStatus }) {
  const { tone, word } = STATUS[status];
  return (
    <Badge color={tone === "live" ? "blue" : TONES[tone]} variant={tone === "live" ? "dot" : "light"}>
      {word}
    </Badge>
  );
}

export function StageBadge({ stage }: { stage: string }) {
  const view = stageView(stage);
  return (
    <Badge variant="outline" color="gray" tt="none" fw={500}>
      {view.number} {view.title}
    </Badge>
  );
}

/** Dark enough for white words on them. */
const FILLED = { good: "#08734f", bad: "#b3174f", unsure: "#8a5200" };

export function VerdictBadge({ decision, size }: { decision: Schemas["Recommendation"]; size?: BadgeProps["size"] }) {
  const tone = { PROMOTE: "good", REJECT: "bad", INCONCLUSIVE: "unsure" } as const;
  return (
    <Badge color={FILLED[tone[decision]]} c="#fff" variant="filled" size={size ?? "lg"}>
      {decision}
    </Badge>
  );
}

/** When it was, with the exact time on hover. */
export function Ago({ at }: { at: string }) {
  return (
    <Tooltip label={when(at)}>
      <time dateTime={at} style={{ whiteSpace: "nowrap" }}>
        {ago(at)}
      </time>
    </Tooltip>
  );
}
