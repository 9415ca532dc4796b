/** Stage 1: registered agent versions, and where each stands in the registry. */
import { Badge, Drawer, Group, Table, Text } from "@mantine/core";
import { IconRobot } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { agentsQuery } from "@/api/queries";
import { Ago } from "@/parts/badges";
import { LinkTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";
import { stageView } from "@/stages";
import { agentName } from "@/words";

import { AgentVersion } from "./AgentVersion";
import { Register } from "./Register";

export function Agents() {
  const { project = "" } = useParams({ strict: false });
  const { agent } = useSearch({ strict: false }) as { agent?: string };
  const navigate = useNavigate();
  const query = useQuery(agentsQuery(project));
  const show = (chosen: string | undefined) => void navigate({ to: "/p/$project/agents", params: { project }, search: { agent: chosen }, replace: true });
  return (
    <>
      <PageHead title="Agents" says="Versions of the agents under test. A version is registered once and never changes.">
        <Register project={project} />
      </PageHead>
      <Loaded query={query} what="the agents">
        {(page) =>
          page.items.length === 0 ? (
            <Empty icon={<IconRobot />} title="No agent yet" action={<Register project={project} />}>
              An agent's card says what it is and how it is reached: a Python callable, a JSON endpoint, an OpenAI-compatible server, an MLflow model or an A2A agent.
            </Empty>
          ) : (
            <Versions project={project} items={page.items} />
          )
        }
      </Loaded>
      <Drawer opened={agent !== undefined} onClose={() => show(undefined)} position="right" size="xl" title={agent}>
        {agent && <AgentVersion project={project} agent={agent} />}
      </Drawer>
    </>
  );
}

function Versions({ project, items }: { project: string; items: readonly Schemas["AgentItem"][] }) {
  return (
    <Sheet label="Agent versions" minWidth={720} columns={["Agent version", "What it is", "Reached", "Registry", "Registered"]}>
      {items.map((item) => (
        <Table.Tr key={agentName(item.agent)}>
          <Table.Td style={{ whiteSpace: "nowrap" }} valign="top">
            <LinkTo to="/p/$project/agents" params={{ project }} search={{ agent: agentName(item.agent) }}>
              {agentName(item.agent)}
            </LinkTo>
          </Table.Td>
          <Table.Td valign="top">
            <Text size="sm" lineClamp={2} maw="60ch">
              {item.description}
            </Text>
          </Table.Td>
          <Table.Td style={{ whiteSpace: "nowrap" }} valign="top">
            {item.reached ? `${stageView(item.reached).number} ${stageView(item.reached).title}` : "–"}
          </Table.Td>
          <Table.Td valign="top">
            <Group gap={4}>
              <Badge variant="light" color={item.registry_stage === "None" ? "gray" : "teal"} tt="none">
                {item.registry_stage}
              </Badge>
              {item.aliases.map((alias) => (
                <Badge key={alias} variant="outline" color="gray" tt="none">
                  {alias}
                </Badge>
              ))}
            </Group>
          </Table.Td>
          <Table.Td valign="top">
            <Ago at={item.registered_at} />
          </Table.Td>
        </Table.Tr>
      ))}
    </Sheet>
  );
}
