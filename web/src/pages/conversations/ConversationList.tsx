/** A list that stays smooth with a hundred thousand rows: only those in sight are drawn, the next are fetched in time. */
import { Box, Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconMessages } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";

import { api, read, type Schemas } from "@/api/client";
import { Ago, ToneBadge } from "@/parts/badges";
import { LinkTo } from "@/parts/links";
import { StartButton } from "@/parts/Permitted";
import { Empty, ProblemAlert, Waiting } from "@/parts/states";
import { agentName, count, seconds } from "@/words";

import classes from "./ConversationList.module.css";
import { type Filters, queryOf, STOPS } from "./filters";

const ROW = 60;
const OUTCOMES = { passed: "good", failed: "bad", unjudged: "unsure" } as const;

export function ConversationList({ project, filters }: { project: string; filters: Filters }) {
  const query = useInfiniteQuery({
    queryKey: ["project", project, "runs", "conversations", filters],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => read(api.GET("/api/v1/projects/{project}/conversations", { params: { path: { project }, query: queryOf(filters, pageParam) } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: (before) => before,
  });
  if (query.isError && !query.data) return <ProblemAlert error={query.error} again={() => void query.refetch()} />;
  if (query.data === undefined) return <Waiting what="the conversations" />;
  const rows = query.data.pages.flatMap((page) => page.items);
  if (rows.length === 0)
    return Object.values(filters).some(Boolean) ? (
      <Empty icon={<IconMessages />} title="No conversation fits">
        Take a filter away.
      </Empty>
    ) : (
      <Empty icon={<IconMessages />} title="No conversation yet" action={<StartButton project={project} />}>
        A simulation plays each scenario against the agent; the conversations come here as they end.
      </Empty>
    );
  return <Rows project={project} rows={rows} more={query.hasNextPage} fetching={query.isFetchingNextPage} fetchMore={() => void query.fetchNextPage()} />;
}

function Rows({ project, rows, more, fetching, fetchMore }: { project: string; rows: readonly Schemas["ConversationItem"][]; more: boolean; fetching: boolean; fetchMore: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12 });
  const shown = list.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !fetching && last >= rows.length - 30) fetchMore();
  }, [last, rows.length, more, fetching]);
  return (
    <>
      <Text size="xs" c="dimmed" aria-live="polite">
        {count(rows.length)}
        {more ? "+ conversations" : rows.length === 1 ? " conversation" : " conversations"}
      </Text>
      <div ref={box} className={classes.box} tabIndex={0} role="region" aria-label="Conversations">
        <ul className={classes.list} style={{ height: list.getTotalSize() }}>
          {shown.map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <li key={item.key} className={classes.row} style={{ height: ROW, transform: `translateY(${item.start}px)` }}>
                  <Row project={project} row={row} />
                </li>
              )
            );
          })}
        </ul>
        {fetching && (
          <Text size="xs" c="dimmed" ta="center" p="xs">
            Reading more…
          </Text>
        )}
      </div>
    </>
  );
}

function Row({ project, row }: { project: string; row: Schemas["ConversationItem"] }) {
  return (
    <Group gap="sm" wrap="nowrap" h="100%">
      <Box w={86} style={{ flexShrink: 0 }}>
        {row.outcome ? <ToneBadge tone={OUTCOMES[row.outcome]}>{row.outcome}</ToneBadge> : row.failed ? <ToneBadge tone="bad">error</ToneBadge> : <Text size="xs" c="dimmed">not judged</Text>}
      </Box>
      <Box style={{ flex: 1, minWidth: 0 }}>
        <Text size="sm" truncate>
          <LinkTo to="/p/$project/conversations/$conversationId" params={{ project, conversationId: row.conversation_id }} fw={600}>
            {row.scenario_id}, trial {row.trial}
          </LinkTo>
          <Text span size="xs" c="dimmed" ml={8}>
            {row.topic}
          </Text>
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {row.opening}
        </Text>
      </Box>
      {row.faults.length > 0 && (
        <IconAlertTriangle size={15} color="var(--assay-unsure)" aria-label={`Simulator faults: ${row.faults.join(", ")}`} />
      )}
      <Box w={150} visibleFrom="sm" style={{ flexShrink: 0 }}>
        <Text size="xs">{agentName(row.agent)}</Text>
        <Text size="xs" c="dimmed">
          {row.stop_reason ? STOPS[row.stop_reason] : ""}
        </Text>
      </Box>
      <Box w={110} visibleFrom="sm" ta="right" style={{ flexShrink: 0 }}>
        <Text size="xs">{seconds(row.duration_s)}</Text>
        <Text size="xs" c="dimmed">
          <Ago at={row.started_at} />
        </Text>
      </Box>
    </Group>
  );
}
