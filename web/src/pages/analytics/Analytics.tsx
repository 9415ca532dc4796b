/** Stage 5: what to expect in production, and a chat with the Analyst about it. */
import { Group, Stack, Tabs } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChartHistogram, IconPencil } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { api, read, type Schemas } from "@/api/client";
import { reportQuery } from "@/api/queries";
import { BesideChat } from "@/parts/BesideChat";
import { ChatPanel } from "@/parts/ChatPanel";
import { ButtonTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { PermittedButton, StartButton } from "@/parts/Permitted";
import { ReportView } from "@/parts/ReportView";
import { Empty, Loaded } from "@/parts/states";
import { SubjectPicker } from "@/parts/SubjectPicker";

import { Failures } from "./Failures";
import { NewReport } from "./NewReport";
import { ReportEditor } from "./ReportEditor";

const SUGGESTIONS = ["Which topics fail most, and why?", "What is the pass rate per persona?", "Show failures that the agent is to blame for"];

export function Analytics() {
  const { project = "" } = useParams({ strict: false });
  const { subject, chat } = useSearch({ strict: false }) as { subject?: string; chat?: string };
  const navigate = useNavigate();
  const go = (search: { subject?: string; chat?: string }) => void navigate({ to: "/p/$project/analytics", params: { project }, search, replace: true, resetScroll: false });
  return (
    <>
      <PageHead title="Analytics" says="What the judged conversations say, and what to expect in production.">
        <NewReport project={project} />
      </PageHead>
      <SubjectPicker
        project={project}
        resource="reports"
        label="Report"
        subject={subject}
        onSubject={(chosen) => go({ subject: chosen })}
        empty={
          <Empty icon={<IconChartHistogram />} title="No report yet" action={<StartButton project={project} />}>
            A report needs judged conversations. Start the lifecycle, or make a report of a judging that is there.
          </Empty>
        }
      >
        {({ subject: chosen }) => <OneReport key={chosen} project={project} subject={chosen} chat={chat ?? null} onChat={(id) => go({ subject: chosen, chat: id ?? undefined })} />}
      </SubjectPicker>
    </>
  );
}

function OneReport({ project, subject, chat, onChat }: { project: string; subject: string; chat: string | null; onChat: (chat: string | null) => void }) {
  const result = useQuery({
    queryKey: ["project", project, "result", "reports", subject],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/reports/{subject_id}", { params: { path: { project, subject_id: subject } } })),
    staleTime: Infinity,
  });
  return (
    <Loaded query={result} what="the result">
      {(analytics) => (
        <BesideChat chat={<ChatPanel project={project} agent="analyst" subject={analytics.judging_id} chatId={chat} onChat={onChat} suggestions={SUGGESTIONS} intro="Ask the Analyst about these conversations: it looks things up with read-only SQL and answers with numbers that code computed." />}>
          <WholeReport project={project} analytics={analytics} subject={subject} />
        </BesideChat>
      )}
    </Loaded>
  );
}

function WholeReport({ project, analytics, subject }: { project: string; analytics: Schemas["AnalyticsReport"]; subject: string }) {
  const query = useQuery(reportQuery(project, "reports", subject));
  const [editing, { open, close }] = useDisclosure(false);
  return (
    <Stack>
      <Group gap="xs">
        <PermittedButton project={project} size="xs" variant="light" leftSection={<IconPencil size={14} />} onClick={open}>
          Edit the text
        </PermittedButton>
        <ButtonTo size="xs" variant="light" to="/p/$project/conversations" params={{ project }} search={{ judging: analytics.judging_id }}>
          The conversations
        </ButtonTo>
      </Group>
      <ReportEditor project={project} analytics={analytics} opened={editing} close={close} />
      <Tabs defaultValue="report" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="report">Report</Tabs.Tab>
          <Tabs.Tab value="failures">Failures ({analytics.clusters.length === 1 ? "1 cluster" : `${analytics.clusters.length} clusters`})</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="report">
          <Loaded query={query} what="the report">
            {(report) => <ReportView report={report} project={project} resource="reports" subject={subject} />}
          </Loaded>
        </Tabs.Panel>
        <Tabs.Panel value="failures">
          <Failures project={project} analytics={analytics} />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
