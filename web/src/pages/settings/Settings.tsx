/** The server: whether it is well, how it is set up, who may do what, and what a project declares. */
import { Alert, Stack, Table, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, read, type Schemas } from "@/api/client";
import { healthQuery, meQuery } from "@/api/queries";
import { Ago, ToneBadge } from "@/parts/badges";
import { PageHead } from "@/parts/PageHead";
import { Loaded } from "@/parts/states";
import { mayGovern } from "@/roles";

import { Plugins } from "./Plugins";
import { Policy } from "./Policy";
import { Tokens } from "./Tokens";

export function Settings() {
  const me = useQuery(meQuery).data;
  const governs = me !== undefined && mayGovern(me, "*");
  return (
    <>
      <PageHead title="Settings" />
      <Tabs defaultValue="server" keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="server">Server</Tabs.Tab>
          <Tabs.Tab value="policy">Policy</Tabs.Tab>
          <Tabs.Tab value="plugins">Plug-ins</Tabs.Tab>
          <Tabs.Tab value="tokens">API tokens</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="server">
          <Server governs={governs} me={me} />
        </Tabs.Panel>
        <Tabs.Panel value="policy">
          <Policy />
        </Tabs.Panel>
        <Tabs.Panel value="plugins">
          <Plugins />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">{governs ? <Tokens /> : <NotYours what="API tokens" />}</Tabs.Panel>
      </Tabs>
    </>
  );
}

function NotYours({ what }: { what: string }) {
  return (
    <Alert color="yellow" variant="light" title="For admins">
      {what} are for people with the role admin in all projects. An admin gives it with ASSAY_ROLES.
    </Alert>
  );
}

function Server({ governs, me }: { governs: boolean; me: Schemas["Me"] | undefined }) {
  const health = useQuery(healthQuery);
  return (
    <Stack>
      <Loaded query={health} what="the server's state">
        {(found) => (
          <Table w="auto" withRowBorders={false} verticalSpacing={4}>
            <Table.Tbody>
              <Table.Tr>
                <Table.Td className="assay-dimmed">State</Table.Td>
                <Table.Td>
                  <ToneBadge tone={found.status === "ok" ? "good" : "unsure"}>{found.status === "ok" ? "well" : "MLflow does not answer"}</ToneBadge>
                </Table.Td>
              </Table.Tr>
              <Table.Tr>
                <Table.Td className="assay-dimmed">Version</Table.Td>
                <Table.Td>{found.version}</Table.Td>
              </Table.Tr>
              <Table.Tr>
                <Table.Td className="assay-dimmed">MLflow</Table.Td>
                <Table.Td style={{ overflowWrap: "anywhere" }}>{found.tracking}</Table.Td>
              </Table.Tr>
              <Table.Tr>
                <Table.Td className="assay-dimmed" valign="top">
                  Workers
                </Table.Td>
                <Table.Td>
                  {found.workers?.length === 0 && "None: jobs wait until one runs (assay worker)."}
                  {found.workers?.map((worker) => (
                    <Text size="sm" key={worker.worker_id}>
                      {worker.worker_id}, since <Ago at={worker.started_at} />
                    </Text>
                  ))}
                </Table.Td>
              </Table.Tr>
              {me && (
                <Table.Tr>
                  <Table.Td className="assay-dimmed">You</Table.Td>
                  <Table.Td>
                    {me.name}:{" "}
                    {Object.entries(me.roles)
                      .map(([project, roles]) => `${roles.join(", ")} in ${project === "*" ? "all projects" : project}`)
                      .join("; ") || "no role yet"}
                    {me.auth === "off" && " (authentication is off: this server answers on this machine only)"}
                  </Table.Td>
                </Table.Tr>
              )}
            </Table.Tbody>
          </Table>
        )}
      </Loaded>
      {governs ? <SetUp /> : <NotYours what="The server's settings" />}
    </Stack>
  );
}

function SetUp() {
  const query = useQuery({ queryKey: ["settings"], queryFn: () => read(api.GET("/api/v1/settings")) });
  return (
    <Loaded query={query} what="the settings">
      {(found) => (
        <Table.ScrollContainer minWidth={520} type="native" tabIndex={0} role="region" aria-label="Settings of the server">
          <Table>
            <Table.Caption>From the environment and .env; secrets are masked. A change needs a restart.</Table.Caption>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Variable</Table.Th>
                <Table.Th>Value</Table.Th>
                <Table.Th>Origin</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.items.map((item) => (
                <Table.Tr key={item.name}>
                  <Table.Td ff="monospace" fz="xs">
                    {item.name}
                  </Table.Td>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>{item.value || <span className="assay-dimmed">–</span>}</Table.Td>
                  <Table.Td>{item.origin}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Loaded>
  );
}
