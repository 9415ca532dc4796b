/** Stage 3's conversations, with what a judging made of them. */
import { Group, Select, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { agentsQuery, resultsQuery } from "@/api/queries";
import { PageHead } from "@/parts/PageHead";
import { agentName, ago } from "@/words";

import { ConversationList } from "./ConversationList";
import type { Filters } from "./filters";

const FAULTS = [
  "any",
  "none",
  "left_persona",
  "leaked_expectation",
  "ended_early",
  "spoke_as_agent",
  "echoed_agent",
  "withheld_fact",
  "invented_fact",
  "repeated_itself",
];

export function Conversations() {
  const { project = "" } = useParams({ strict: false });
  const filters = useSearch({ strict: false }) as Filters;
  const navigate = useNavigate();
  const judgings = useInfiniteQuery(resultsQuery(project, "judgments")).data?.pages.flatMap((page) => page.items) ?? [];
  const simulations = useInfiniteQuery(resultsQuery(project, "simulations")).data?.pages.flatMap((page) => page.items) ?? [];
  const agents = useQuery(agentsQuery(project)).data?.items ?? [];
  const change = (part: Filters) => void navigate({ to: "/p/$project/conversations", params: { project }, search: { ...filters, ...part }, replace: true });
  return (
    <>
      <PageHead title="Conversations" says="What simulated users and agents said to each other, trial by trial." />
      <Stack gap="sm">
        <Group gap="xs" role="search" aria-label="Filter the conversations">
          <Select
            size="xs"
            aria-label="Judging"
            placeholder="Newest judging of each"
            clearable
            data={judgings.map((run) => ({ value: run.subject_id, label: `judged: ${agentName(run.agent)}, ${ago(run.started_at)}` }))}
            value={filters.judging ?? null}
            onChange={(judging) => change({ judging: judging ?? undefined, ...(judging ? {} : { outcome: undefined }) })}
            w={260}
          />
          <Select size="xs" aria-label="Outcome" placeholder="Any outcome" clearable disabled={judgings.length === 0} data={["passed", "failed", "unjudged"]} value={filters.outcome ?? null} onChange={(outcome) => change({ outcome: outcome ?? undefined, judging: filters.judging ?? (outcome ? judgings[0]?.subject_id : undefined) })} w={180} />
          <Select
            size="xs"
            aria-label="Simulation"
            placeholder="Any simulation"
            clearable
            data={simulations.map((run) => ({ value: run.subject_id, label: `${agentName(run.agent)}, ${ago(run.started_at)}` }))}
            value={filters.simulation ?? null}
            onChange={(simulation) => change({ simulation: simulation ?? undefined })}
            w={220}
          />
          <Select size="xs" aria-label="Agent version" placeholder="Any agent" clearable searchable data={agents.map((item) => agentName(item.agent))} value={filters.agent ?? null} onChange={(agent) => change({ agent: agent ?? undefined })} w={170} />
          <ScenarioField value={filters.scenario} change={(scenario) => change({ scenario })} />
          <Select size="xs" aria-label="Simulator faults" placeholder="With faults or not" clearable data={FAULTS.map((fault) => ({ value: fault, label: { any: "any simulator fault", none: "no simulator fault" }[fault] ?? fault.replaceAll("_", " ") }))} value={filters.fault ?? null} onChange={(fault) => change({ fault: fault ?? undefined })} w={180} />
        </Group>
        <ConversationList project={project} filters={filters} />
      </Stack>
    </>
  );
}

function ScenarioField({ value, change }: { value: string | undefined; change: (scenario: string | undefined) => void }) {
  const [words, setWords] = useState(value ?? "");
  const [settled] = useDebouncedValue(words.trim(), 350);
  useEffect(() => {
    if (settled !== (value ?? "")) change(settled || undefined);
  }, [settled]);
  return <TextInput size="xs" aria-label="Scenario" placeholder="Scenario, its whole name" value={words} onChange={(event) => setWords(event.currentTarget.value)} w={190} />;
}
