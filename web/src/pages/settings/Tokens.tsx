/** API tokens: made, shown once, revoked. */
import { Alert, Button, Code, CopyButton, Group, Modal, NumberInput, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKey } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, read, type Schemas } from "@/api/client";
import { projectsQuery } from "@/api/queries";
import { Ago, ToneBadge } from "@/parts/badges";
import { Empty, Loaded, ProblemAlert } from "@/parts/states";

const KEY = ["tokens"] as const;

export function Tokens() {
  const query = useQuery({ queryKey: KEY, queryFn: () => read(api.GET("/api/v1/tokens", { params: { query: { limit: 200 } } })) });
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <Stack>
      <Group>
        <Button onClick={open}>New token</Button>
      </Group>
      <Loaded query={query} what="the tokens">
        {(page) =>
          page.items.length === 0 ? (
            <Empty icon={<IconKey />} title="No token yet">
              Programs use one as <Code>Authorization: Bearer …</Code>, the command line as <Code>ASSAY_TOKEN</Code>.
            </Empty>
          ) : (
            <TokenTable items={page.items} />
          )
        }
      </Loaded>
      <Modal opened={opened} onClose={close} title="New token">
        <NewToken done={close} />
      </Modal>
    </Stack>
  );
}

function TokenTable({ items }: { items: readonly Schemas["TokenItem"][] }) {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: (id: string) => read(api.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <Table.ScrollContainer minWidth={680} type="native" tabIndex={0} role="region" aria-label="API tokens">
      {revoke.isError && <ProblemAlert error={revoke.error} />}
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Roles</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Expires</Table.Th>
            <Table.Th>Last used</Table.Th>
            <Table.Th>State</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((item) => (
            <Table.Tr key={item.token_id}>
              <Table.Td>
                {item.name}
                <Text size="xs" c="dimmed" ff="monospace">
                  {item.token_id}…
                </Text>
              </Table.Td>
              <Table.Td>
                {Object.entries(item.roles)
                  .map(([project, roles]) => `${roles.join(", ")} in ${project === "*" ? "all projects" : project}`)
                  .join("; ")}
              </Table.Td>
              <Table.Td>
                <Ago at={item.created_at} /> by {item.by}
              </Table.Td>
              <Table.Td>{item.expires_at ? <Ago at={item.expires_at} /> : "never"}</Table.Td>
              <Table.Td>{item.used_at ? <Ago at={item.used_at} /> : "never"}</Table.Td>
              <Table.Td>
                {item.revoked_at ? (
                  <ToneBadge tone="plain">revoked</ToneBadge>
                ) : item.expires_at && Date.parse(item.expires_at) < Date.now() ? (
                  <ToneBadge tone="plain">expired</ToneBadge>
                ) : (
                  <Button size="compact-xs" variant="light" color="red" loading={revoke.isPending && revoke.variables === item.token_id} onClick={() => revoke.mutate(item.token_id)} aria-label={`Revoke ${item.name}`}>
                    Revoke
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

const ROLES: readonly { value: Schemas["Role"]; label: string }[] = [
  { value: "viewer", label: "viewer: sees all" },
  { value: "evaluator", label: "evaluator: runs, chats and labels" },
  { value: "approver", label: "approver: decides at gates and on rollouts" },
  { value: "admin", label: "admin: all of this, and tokens" },
];

function NewToken({ done }: { done: () => void }) {
  const queries = useQueryClient();
  const projects = useQuery(projectsQuery).data?.items ?? [];
  const [name, setName] = useState("");
  const [project, setProject] = useState("*");
  const [role, setRole] = useState<Schemas["Role"]>("evaluator");
  const [days, setDays] = useState<number | string>(90);
  const make = useMutation({
    mutationFn: () => read(api.POST("/api/v1/tokens", { body: { name: name.trim(), roles: { [project]: [role] }, expires_in_days: days === "" ? null : Number(days) } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  if (make.data)
    return (
      <Stack>
        <Alert color="teal" variant="light" title="Copy it now">
          It is shown this once: the server keeps its hash only.
        </Alert>
        <Code block style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
          {make.data.token}
        </Code>
        <Group>
          <CopyButton value={make.data.token}>{({ copied, copy }) => <Button onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton>
          <Button variant="default" onClick={done}>
            Done
          </Button>
        </Group>
      </Stack>
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate();
      }}
    >
      <Stack>
        <TextInput label="Name" description="What uses it." placeholder="nightly evaluation" required value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
        <Select label="Project" allowDeselect={false} data={[{ value: "*", label: "all projects" }, ...projects.map((item) => ({ value: item.project, label: item.project }))]} value={project} onChange={(value) => value && setProject(value)} />
        <Select label="Role" allowDeselect={false} data={[...ROLES]} value={role} onChange={(value) => value && setRole(value as Schemas["Role"])} />
        <NumberInput label="Days until it expires" description="Empty: never." min={1} max={3650} value={days} onChange={setDays} />
        {make.isError && <ProblemAlert error={make.error} />}
        <Group>
          <Button type="submit" loading={make.isPending} disabled={!name.trim()}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
