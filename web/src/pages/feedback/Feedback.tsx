/** Stage 8: what production says, what it taught, and what becomes of complaints. */
import { Stack, Tabs } from "@mantine/core";
import { IconMessageReport } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { api, read, type Schemas } from "@/api/client";
import { reportQuery } from "@/api/queries";
import { BesideChat } from "@/parts/BesideChat";
import { ChatPanel } from "@/parts/ChatPanel";
import { PageHead } from "@/parts/PageHead";
import { ReportView } from "@/parts/ReportView";
import { Empty, Loaded } from "@/parts/states";
import { SubjectPicker } from "@/parts/SubjectPicker";

import { Complaints } from "./Complaints";
import { Incoming } from "./Incoming";
import { NewProduction } from "./NewProduction";
import { Proposals } from "./Proposals";
import { Trend } from "./Trend";

const SUGGESTIONS = ["What do users complain of most?", "What did the simulation miss?", "Did the forecast hold?"];

export function Feedback() {
  const { project = "" } = useParams({ strict: false });
  const { subject, chat } = useSearch({ strict: false }) as { subject?: string; chat?: string };
  const navigate = useNavigate();
  const go = (search: { subject?: string; chat?: string }) => void navigate({ to: "/p/$project/feedback", params: { project }, search, replace: true, resetScroll: false });
  return (
    <>
      <PageHead title="Feedback" says="What production says, whether the forecast held, and what to test next.">
        <NewProduction project={project} />
      </PageHead>
      <SubjectPicker
        project={project}
        resource="feedback"
        label="Production report"
        subject={subject}
        onSubject={(chosen) => go({ subject: chosen })}
        empty={
          <Empty icon={<IconMessageReport />} title="No feedback yet" action={<NewProduction project={project} />}>
            The gateway takes it at POST /assay/feedback. Files with thumbs, ratings and comments can be imported here.
          </Empty>
        }
      >
        {({ subject: chosen }) => (
          <BesideChat chat={<ChatPanel project={project} agent="feedback_analyst" subject={chosen} chatId={chat ?? null} onChat={(id) => go({ subject: chosen, chat: id ?? undefined })} suggestions={SUGGESTIONS} />}>
            <OneReport key={chosen} project={project} subject={chosen} />
          </BesideChat>
        )}
      </SubjectPicker>
    </>
  );
}

function OneReport({ project, subject }: { project: string; subject: string }) {
  const result = useQuery({
    queryKey: ["project", project, "result", "feedback", subject],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/feedback/{subject_id}", { params: { path: { project, subject_id: subject } } })) as Promise<Schemas["ProductionReport"]>,
    staleTime: Infinity,
  });
  return (
    <Loaded query={result} what="the production report">
      {(production) => <Whole project={project} production={production} subject={subject} />}
    </Loaded>
  );
}

function Whole({ project, production, subject }: { project: string; production: Schemas["ProductionReport"]; subject: string }) {
  const report = useQuery(reportQuery(project, "feedback", subject));
  return (
    <Tabs defaultValue="report" keepMounted={false}>
      <Tabs.List mb="md">
        <Tabs.Tab value="report">Report</Tabs.Tab>
        <Tabs.Tab value="incoming">Incoming ({production.items})</Tabs.Tab>
        <Tabs.Tab value="proposals">Proposed scenarios ({production.proposed_scenarios.length})</Tabs.Tab>
        <Tabs.Tab value="complaints">Complaints</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="report">
        <Stack>
          <Trend production={production} />
          <Loaded query={report} what="the report">
            {(found) => <ReportView report={found} project={project} resource="feedback" subject={subject} />}
          </Loaded>
        </Stack>
      </Tabs.Panel>
      <Tabs.Panel value="incoming">
        <Incoming project={project} production={production} />
      </Tabs.Panel>
      <Tabs.Panel value="proposals">
        <Proposals project={project} production={production} />
      </Tabs.Panel>
      <Tabs.Panel value="complaints">
        <Complaints project={project} />
      </Tabs.Panel>
    </Tabs>
  );
}
