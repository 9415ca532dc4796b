/** Stage 6: is the challenger better? The verdict, why, where, and conversation by conversation. */
import { Card, Group, List, Stack, Tabs, Text } from "@mantine/core";
import { IconGitCompare } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { api, read, type Schemas } from "@/api/client";
import { reportQuery } from "@/api/queries";
import { VerdictBadge } from "@/parts/badges";
import { BesideChat } from "@/parts/BesideChat";
import { ChatPanel } from "@/parts/ChatPanel";
import { PageHead } from "@/parts/PageHead";
import { tied } from "@/parts/prose";
import { Prose, ReportView } from "@/parts/ReportView";
import { Empty, Loaded } from "@/parts/states";
import { SubjectPicker } from "@/parts/SubjectPicker";
import { agentName } from "@/words";

import { Flips } from "./Flips";
import { NewComparison } from "./NewComparison";

const SUGGESTIONS = ["Why this verdict?", "Where did the challenger get worse?", "What would it take to be surer?"];

export function Compare() {
  const { project = "" } = useParams({ strict: false });
  const { subject, chat } = useSearch({ strict: false }) as { subject?: string; chat?: string };
  const navigate = useNavigate();
  const go = (search: { subject?: string; chat?: string }) => void navigate({ to: "/p/$project/compare", params: { project }, search, replace: true, resetScroll: false });
  return (
    <>
      <PageHead title="Compare" says="Two agent versions on the same scenarios, by a test that was declared before looking.">
        <NewComparison project={project} />
      </PageHead>
      <SubjectPicker
        project={project}
        resource="comparisons"
        label="Comparison"
        subject={subject}
        onSubject={(chosen) => go({ subject: chosen })}
        empty={
          <Empty icon={<IconGitCompare />} title="No comparison yet">
            It takes two judged versions on one dataset: start the lifecycle with a champion, or compare two judgings.
          </Empty>
        }
      >
        {({ subject: chosen }) => (
          <BesideChat chat={<ChatPanel project={project} agent="comparator" subject={chosen} chatId={chat ?? null} onChat={(id) => go({ subject: chosen, chat: id ?? undefined })} suggestions={SUGGESTIONS} />}>
            <OneComparison key={chosen} project={project} subject={chosen} />
          </BesideChat>
        )}
      </SubjectPicker>
    </>
  );
}

function OneComparison({ project, subject }: { project: string; subject: string }) {
  const result = useQuery({
    queryKey: ["project", project, "result", "comparisons", subject],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/comparisons/{subject_id}", { params: { path: { project, subject_id: subject } } })),
    staleTime: Infinity,
  });
  const report = useQuery(reportQuery(project, "comparisons", subject));
  return (
    <Loaded query={result} what="the comparison">
      {(comparison) => (
        <Stack gap="lg">
          <Verdict comparison={comparison} />
          <Tabs defaultValue="report" keepMounted={false}>
            <Tabs.List mb="md">
              <Tabs.Tab value="report">Report</Tabs.Tab>
              <Tabs.Tab value="flips">Flips ({comparison.flips.length})</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="report">
              <Loaded query={report} what="the report">
                {(found) => <ReportView report={found} project={project} resource="comparisons" subject={subject} said />}
              </Loaded>
            </Tabs.Panel>
            <Tabs.Panel value="flips">
              <Flips project={project} comparison={comparison} />
            </Tabs.Panel>
          </Tabs>
        </Stack>
      )}
    </Loaded>
  );
}

function Verdict({ comparison }: { comparison: Schemas["ComparisonReport"] }) {
  return (
    <Card withBorder component="section" aria-label="Verdict">
      <Group gap="sm" mb="xs">
        <VerdictBadge decision={comparison.recommendation} size="xl" />
        <Text fw={600}>
          {agentName(comparison.challenger)} against {agentName(comparison.champion)}
        </Text>
      </Group>
      <Text mb={comparison.next_steps.length > 0 ? "xs" : 0} style={{ textWrap: "pretty" }}>
        {tied(comparison.reason)}
      </Text>
      {comparison.next_steps.length > 0 && (
        <>
          <Text size="sm" fw={600}>
            What to do next
          </Text>
          <List size="sm">
            {comparison.next_steps.map((step) => (
              <List.Item key={step}>
                <Prose text={step} size="sm" />
              </List.Item>
            ))}
          </List>
        </>
      )}
    </Card>
  );
}
