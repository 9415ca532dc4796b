/** Chooses one of a stage's results; the newest is shown where the address names none. */
import { Button, Group, Select } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import type { Schemas } from "@/api/client";
import { type Resource, resultsQuery } from "@/api/queries";
import { agentName, ago } from "@/words";

import { ProblemAlert, Waiting } from "./states";

export function SubjectPicker({ project, resource, subject, onSubject, label, empty, children }: {
  project: string;
  resource: Resource;
  /** As in the address; undefined: the newest. */
  subject: string | undefined;
  onSubject: (subject: string) => void;
  label: string;
  /** Shown where there is no result yet. */
  empty: ReactNode;
  children: (run: { subject: string; run: Schemas["RunItem"] | undefined }) => ReactNode;
}) {
  const query = useInfiniteQuery(resultsQuery(project, resource));
  if (query.isError) return <ProblemAlert error={query.error} again={() => void query.refetch()} />;
  if (query.data === undefined) return <Waiting what="the results" />;
  const runs = query.data.pages.flatMap((page) => page.items);
  const seen = runs.filter((run, index) => runs.findIndex((other) => other.subject_id === run.subject_id) === index);
  const chosen = subject ?? seen[0]?.subject_id;
  if (chosen === undefined) return empty;
  const data = seen.map((run) => ({ value: run.subject_id, label: `${agentName(run.agent)}, ${ago(run.started_at)}${run.gated ? "" : ", ungated"} (${run.subject_id.slice(-6)})` }));
  if (!data.some((item) => item.value === chosen)) data.unshift({ value: chosen, label: chosen });
  return (
    <>
      <Group gap="xs" mb="md" align="flex-end">
        <Select label={label} data={data} value={chosen} allowDeselect={false} searchable onChange={(value) => value && onSubject(value)} w={{ base: "100%", xs: 380 }} size="xs" />
        {query.hasNextPage && (
          <Button size="xs" variant="subtle" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Older ones
          </Button>
        )}
      </Group>
      {children({ subject: chosen, run: seen.find((run) => run.subject_id === chosen) })}
    </>
  );
}
