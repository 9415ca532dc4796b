/** One conversation, turn by turn: tool calls, latency, cost, and what was said of it beside the turns. */
import { Badge, Box, Code, Group, Paper, Stack, Text, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconHelp, IconTool, IconX } from "@tabler/icons-react";

import type { Schemas } from "@/api/client";
import { TONES } from "@/theme";
import { count, seconds, usd } from "@/words";

export const RULINGS = {
  met: { tone: "good", word: "met", icon: IconCheck },
  not_met: { tone: "bad", word: "not met", icon: IconX },
  abstained: { tone: "unsure", word: "could not tell", icon: IconHelp },
} as const;

export interface TurnNote {
  turn: number;
  ruling: Schemas["Ruling"];
  text: string;
  quote: string;
}

/** Verdicts to the turns that are their evidence. */
export function notesOf(verdicts: readonly Schemas["Verdict"][]): TurnNote[] {
  return verdicts.flatMap((verdict) =>
    verdict.evidence.map((evidence) => ({ turn: evidence.turn, ruling: verdict.ruling, text: verdict.expectation_id, quote: evidence.quote })),
  );
}

export function Transcript({ conversation, notes = [] }: { conversation: Pick<Schemas["Conversation"], "turns" | "simulator_faults" | "error">; notes?: readonly TurnNote[] }) {
  return (
    <Stack gap="sm" component="ol" p={0} m={0} style={{ listStyle: "none" }}>
      {conversation.turns.map((turn, index) => (
        <OneTurn
          key={index}
          number={index}
          turn={turn}
          faults={conversation.simulator_faults.filter((fault) => fault.turn === index)}
          notes={notes.filter((note) => note.turn === index)}
        />
      ))}
      {conversation.error && (
        <Paper component="li" withBorder p="sm" style={{ borderColor: "var(--mantine-color-red-6)" }}>
          <Group gap="xs">
            <IconAlertTriangle size={16} color="var(--mantine-color-red-6)" />
            <Text size="sm">
              <b>{conversation.error.cause}</b>, after {conversation.error.attempts} {conversation.error.attempts === 1 ? "attempt" : "attempts"}: {conversation.error.detail}
            </Text>
          </Group>
        </Paper>
      )}
    </Stack>
  );
}

function OneTurn({ number, turn, faults, notes }: { number: number; turn: Schemas["Turn"]; faults: readonly Schemas["SimulatorFault"][]; notes: readonly TurnNote[] }) {
  const user = turn.role === "user";
  const tokens = (turn.input_tokens ?? 0) + (turn.output_tokens ?? 0);
  return (
    <Box component="li" id={`turn-${number}`} style={{ display: "flex", justifyContent: user ? "flex-start" : "flex-end", scrollMarginTop: 80 }}>
      <Paper withBorder p="sm" bg={user ? "var(--mantine-color-default-hover)" : undefined} style={{ width: "min(100%, 72ch)" }}>
        <Group justify="space-between" gap="xs" mb={4}>
          <Text size="xs" fw={650} c={user ? undefined : "var(--mantine-color-anchor)"}>
            {user ? "User" : "Agent"} <span className="assay-dimmed">· turn {number}</span>
          </Text>
          <Text size="xs" className="assay-dimmed">
            {[
              !user && turn.latency_s !== null && turn.latency_s !== undefined && seconds(turn.latency_s),
              tokens > 0 && `${count(tokens)} tokens`,
              turn.cost_usd !== null && turn.cost_usd !== undefined && usd(turn.cost_usd),
            ]
              .filter(Boolean)
              .join(" · ")}
          </Text>
        </Group>
        {turn.tool_calls.map((call, index) => (
          <ToolCallBox key={index} call={call} />
        ))}
        <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          <Quoted text={turn.text} quotes={notes} />
        </Text>
        {(faults.length > 0 || notes.length > 0) && (
          <Group gap={6} mt="xs">
            {faults.map((fault, index) => (
              <Tooltip key={index} label={fault.detail} multiline maw={340}>
                <Badge tabIndex={0} color="orange" variant="light" leftSection={<IconAlertTriangle size={11} />} tt="none">
                  simulator: {fault.kind.replaceAll("_", " ")}
                </Badge>
              </Tooltip>
            ))}
            {notes.map((note, index) => {
              const { tone, word, icon: Icon } = RULINGS[note.ruling];
              return (
                <Badge key={index} component="a" href={`#verdict-${note.text}`} color={TONES[tone]} variant="light" leftSection={<Icon size={11} />} tt="none" style={{ cursor: "pointer" }}>
                  {note.text}: {word}
                </Badge>
              );
            })}
          </Group>
        )}
      </Paper>
    </Box>
  );
}

function ToolCallBox({ call }: { call: Schemas["ToolCall"] }) {
  return (
    <Box component="details" mb={6}>
      <summary style={{ cursor: "pointer" }}>
        <Text span size="xs" ff="monospace" c={call.error ? "var(--assay-bad)" : "dimmed"}>
          <IconTool size={12} style={{ verticalAlign: "-2px" }} /> {call.name}({Object.entries(call.arguments ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")}){call.error ? " failed" : ""}
        </Text>
      </summary>
      <Code block fz="xs" mt={4}>
        {call.error ?? JSON.stringify(call.result, null, 2)}
      </Code>
    </Box>
  );
}

/** The text, with what verdicts quote from it marked. */
function Quoted({ text, quotes }: { text: string; quotes: readonly TurnNote[] }) {
  const found = quotes.find((note) => note.quote && text.includes(note.quote));
  if (!found) return text;
  const at = text.indexOf(found.quote);
  return (
    <>
      {text.slice(0, at)}
      <mark className={`assay-quote-${RULINGS[found.ruling].tone}`}>{found.quote}</mark>
      {text.slice(at + found.quote.length)}
    </>
  );
}
