/** Stage 2: dataset versions, and the Dataset Builder to make one with. */
import { Group, Stack, Table } from "@mantine/core";
import { IconDatabase } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import type { Schemas } from "@/api/client";
import { datasetsQuery } from "@/api/queries";
import { Ago } from "@/parts/badges";
import { BesideChat } from "@/parts/BesideChat";
import { LinkTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { Sheet } from "@/parts/Sheet";
import { Empty, Loaded } from "@/parts/states";
import { count } from "@/words";

import { BuilderPanel } from "./builder/BuilderPanel";
import { Drafts } from "./builder/Drafts";
import { NewDataset } from "./NewDataset";

export function Datasets() {
  const { project = "" } = useParams({ strict: false });
  const { chat, agent } = useSearch({ strict: false }) as { chat?: string; agent?: string };
  const navigate = useNavigate();
  const go = (search: { chat?: string; agent?: string }) => void navigate({ to: "/p/$project/datasets", params: { project }, search, replace: true, resetScroll: false });
  const query = useQuery(datasetsQuery(project));
  return (
    <>
      <PageHead title="Datasets" says="Scenarios with what the agent must and must not do. A version never changes; an edit makes a new one.">
        <NewDataset project={project} />
      </PageHead>
      <BesideChat chat={<BuilderPanel project={project} agent={agent} onAgent={(chosen) => go({ agent: chosen })} chat={chat ?? null} onChat={(id) => go({ agent, chat: id ?? undefined })} />}>
        <Stack>
          {chat && <Drafts project={project} chatId={chat} />}
          <Loaded query={query} what="the datasets">
            {(page) =>
              page.items.length === 0 ? (
                <Empty icon={<IconDatabase />} title="No dataset yet">
                  Talk with the Dataset Builder, bring a file, or have a whole dataset drafted from a brief.
                </Empty>
              ) : (
                <Versions project={project} items={page.items} />
              )
            }
          </Loaded>
        </Stack>
      </BesideChat>
    </>
  );
}

function Versions({ project, items }: { project: string; items: readonly Schemas["DatasetItem"][] }) {
  return (
    <Sheet label="Dataset versions" minWidth={420} columns={["Dataset", "Scenarios", "Saved", "Run"]}>
      {items.map((item) => (
        <Table.Tr key={`${item.dataset.name}@${item.dataset.version}`}>
          <Table.Td>
            <Group gap={4}>
              <LinkTo to="/p/$project/datasets/$name/$version" params={{ project, name: item.dataset.name, version: item.dataset.version }}>
                {item.dataset.name}@{item.dataset.version.slice(0, 8)}
              </LinkTo>
            </Group>
          </Table.Td>
          <Table.Td>{count(item.scenarios)}</Table.Td>
          <Table.Td>
            <Ago at={item.saved_at} />
          </Table.Td>
          <Table.Td>
            {item.run_id ? (
              <LinkTo to="/p/$project/runs/$runId" params={{ project, runId: item.run_id }}>
                open
              </LinkTo>
            ) : (
              "–"
            )}
          </Table.Td>
        </Table.Tr>
      ))}
    </Sheet>
  );
}
