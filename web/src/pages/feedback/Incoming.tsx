/** What users said, item by item, as it was stored with the report. */
import { SegmentedControl, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { ApiProblem, type Schemas } from "@/api/client";
import { Ago, ToneBadge } from "@/parts/badges";
import { fromJsonl } from "@/parts/jsonl";
import { LinkTo } from "@/parts/links";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";
import type { Tone } from "@/theme";

const ITEMS = "feedback/items.jsonl";
const AT_ONCE = 100;
type Item = Schemas["Feedback"];

export function Incoming({ project, production }: { project: string; production: Schemas["ProductionReport"] }) {
  const query = useQuery({
    queryKey: ["project", project, "feedback-items", production.run_id],
    queryFn: async () => {
      const answer = await fetch(`/api/v1/projects/${encodeURIComponent(project)}/runs/${production.run_id}/artifacts/${ITEMS}`);
      if (!answer.ok) throw new ApiProblem(answer.status, "The feedback was not read", `The server answered ${answer.status}.`);
      return fromJsonl<Item>(await answer.text(), ITEMS);
    },
    enabled: production.run_id != null,
    staleTime: Infinity,
  });
  if (production.run_id == null) return <Empty title="These items were not stored" />;
  return (
    <Loaded query={query} what="the feedback">
      {(items) => <Items project={project} items={items} />}
    </Loaded>
  );
}

/** Thumbs first, then the rating: 1 and 2 are negative, 4 and 5 are not. */
function toneOf(item: Item): { tone: Tone; word: string } {
  if (item.thumbs) return item.thumbs === "down" ? { tone: "bad", word: "thumbs down" } : { tone: "good", word: "thumbs up" };
  if (item.rating == null) return { tone: "plain", word: "no rating" };
  return { tone: item.rating < 3 ? "bad" : item.rating > 3 ? "good" : "plain", word: `${item.rating} of 5` };
}

function Items({ project, items }: { project: string; items: readonly Item[] }) {
  const [which, setWhich] = useState("all");
  const [most, setMost] = useState(AT_ONCE);
  const shown = items.filter((item) => which === "all" || (which === "negative") === (toneOf(item).tone === "bad"));
  return (
    <Stack>
      <SegmentedControl size="xs" aria-label="Which feedback" data={["all", "negative", "other"]} value={which} onChange={setWhich} w={240} />
      <Sheet label="Incoming feedback" columns={["Rating", "What the user said", "Topic", "When", "Conversation"]}>
        {shown.slice(0, most).map((item) => {
          const { tone, word } = toneOf(item);
          return (
            <Table.Tr key={item.feedback_id}>
              <Table.Td>
                <ToneBadge tone={tone}>{word}</ToneBadge>
              </Table.Td>
              <Table.Td>{item.comment || <span className="assay-dimmed">–</span>}</Table.Td>
              <Table.Td>{item.topic ?? "–"}</Table.Td>
              <Table.Td>{item.at ? <Ago at={item.at} /> : "–"}</Table.Td>
              <Table.Td>
                {item.conversation_id ? (
                  <LinkTo to="/p/$project/conversations/$conversationId" params={{ project, conversationId: item.conversation_id }}>
                    open
                  </LinkTo>
                ) : (
                  "–"
                )}
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Sheet>
      {shown.length > most && (
        <Text component="button" size="sm" c="var(--mantine-color-anchor)" style={{ background: "none", border: 0, cursor: "pointer", alignSelf: "flex-start" }} onClick={() => setMost(most + AT_ONCE)}>
          {shown.length - most} more
        </Text>
      )}
    </Stack>
  );
}
