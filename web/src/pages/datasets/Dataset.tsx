/** One dataset version: its scenarios, how they cover the ground, and what validation says. */
import { Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { api, read, type Schemas } from "@/api/client";
import { BesideChat } from "@/parts/BesideChat";
import { PageHead } from "@/parts/PageHead";
import { Loaded } from "@/parts/states";
import { agentName, count, percent } from "@/words";

import { BuilderPanel } from "./builder/BuilderPanel";
import { Drafts } from "./builder/Drafts";
import { Coverage } from "./Coverage";
import { Scenarios } from "./Scenarios";
import { Validation } from "./Validation";

export function Dataset() {
  const { project = "", name = "", version = "" } = useParams({ strict: false });
  const query = useQuery({
    queryKey: ["project", project, "dataset", name, version],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/datasets/{name}@{version}", { params: { path: { project, name, version } } })),
    staleTime: Infinity,
  });
  return (
    <Loaded query={query} what="the dataset">
      {(result) => <OneDataset key={version} project={project} result={result} />}
    </Loaded>
  );
}

function OneDataset({ project, result }: { project: string; result: Schemas["DatasetResult"] }) {
  const { chat, agent } = useSearch({ strict: false }) as { chat?: string; agent?: string };
  const navigate = useNavigate();
  const { name, version } = result.report.dataset;
  const go = (search: { chat?: string; agent?: string }) => void navigate({ to: "/p/$project/datasets/$name/$version", params: { project, name, version }, search, replace: true, resetScroll: false });
  const { report } = result;
  return (
    <>
      <PageHead
        title={name}
        says={`Version ${version}, for ${agentName(result.agent)}: ${count(report.scenarios)} scenarios, ${count(report.expectations)} expectations, ${percent(report.checked_by_code, 0)} of them checked by code.`}
      />
      <BesideChat chat={<BuilderPanel project={project} agent={agent ?? agentName(result.agent)} onAgent={(chosen) => go({ agent: chosen })} chat={chat ?? null} onChat={(id) => go({ agent, chat: id ?? undefined })} />}>
        {chat && <Drafts project={project} chatId={chat} />}
        <Tabs defaultValue="scenarios" keepMounted={false} mt={chat ? "lg" : 0}>
          <Tabs.List mb="md">
            <Tabs.Tab value="scenarios">Scenarios</Tabs.Tab>
            <Tabs.Tab value="coverage">Coverage</Tabs.Tab>
            <Tabs.Tab value="validation">
              Validation: {report.passed ? "passes" : "does not pass"}
              {report.findings.length > 0 && `, ${count(report.findings.length)} findings`}
            </Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="scenarios">
            <Scenarios project={project} result={result} />
          </Tabs.Panel>
          <Tabs.Panel value="coverage">
            <Coverage report={report} />
          </Tabs.Panel>
          <Tabs.Panel value="validation">
            <Validation report={report} />
          </Tabs.Panel>
        </Tabs>
      </BesideChat>
    </>
  );
}
