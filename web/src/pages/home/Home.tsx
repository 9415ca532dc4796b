/** Projects: each with its lifecycle as a line of eight stages, and what waits for whom. */
import { Badge, Button, Card, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFolderPlus, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, ApiProblem, read } from "@/api/client";
import { lifecycleQuery, projectsQuery } from "@/api/queries";
import { Ago } from "@/parts/badges";
import { ButtonTo, LinkTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { PermittedButton } from "@/parts/Permitted";
import { Empty, Loaded, ProblemAlert } from "@/parts/states";
import { StageLine } from "@/pages/lifecycle/StageLine";

export function Home() {
  const projects = useQuery(projectsQuery);
  const [making, { open, close }] = useDisclosure(false);
  const make = (
    <PermittedButton project="*" need="govern" leftSection={<IconPlus size={16} />} onClick={open}>
      New project
    </PermittedButton>
  );
  return (
    <>
      <PageHead title="Projects" says="Is each agent good enough to ship? What is measured, and what waits for a decision.">
        {(projects.data?.items.length ?? 0) > 0 && make}
      </PageHead>
      <Loaded query={projects} what="the projects">
        {(page) =>
          page.items.length === 0 ? (
            <Empty icon={<IconFolderPlus />} title="Evaluate your first agent" action={make}>
              A project holds one agent's whole lifecycle: its versions, datasets, conversations, reports, gates and rollouts. MLflow keeps it as an experiment.
            </Empty>
          ) : (
            <Stack>
              {page.items.map((item) => (
                <ProjectCard key={item.project} project={item.project} updated={item.updated_at} />
              ))}
            </Stack>
          )
        }
      </Loaded>
      <NewProject opened={making} close={close} />
    </>
  );
}

function ProjectCard({ project, updated }: { project: string; updated: string }) {
  const query = useQuery(lifecycleQuery(project));
  return (
    <Card withBorder component="section" aria-label={`Project ${project}`}>
      <Group justify="space-between" mb="sm" wrap="nowrap" align="flex-start">
        <div>
          <Title order={2}>
            <LinkTo to="/p/$project" params={{ project }} c="inherit">
              {project}
            </LinkTo>
          </Title>
          <Text size="xs" c="dimmed">
            last activity <Ago at={updated} />
          </Text>
        </div>
        {query.data && (
          <Group gap="xs" justify="flex-end">
            {query.data.gates.length > 0 && (
              <ButtonTo to="/p/$project/gates" params={{ project }} size="xs" variant="light" color="yellow">
                {query.data.gates.length === 1 ? "1 gate waits" : `${query.data.gates.length} gates wait`}
              </ButtonTo>
            )}
            {query.data.jobs.length > 0 && (
              <Badge variant="dot" color="blue">
                {query.data.jobs.length === 1 ? "1 job" : `${query.data.jobs.length} jobs`}
              </Badge>
            )}
          </Group>
        )}
      </Group>
      <Loaded query={query} what={`the lifecycle of ${project}`}>
        {(lifecycle) => <StageLine project={project} lifecycle={lifecycle} />}
      </Loaded>
    </Card>
  );
}

function NewProject({ opened, close }: { opened: boolean; close: () => void }) {
  const [name, setName] = useState("");
  const navigate = useNavigate();
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: () => read(api.POST("/api/v1/projects", { body: { project: name.trim() } })),
    onSuccess: async ({ project }) => {
      await queries.invalidateQueries({ queryKey: projectsQuery.queryKey });
      close();
      await navigate({ to: "/p/$project", params: { project } });
    },
  });
  const field = make.error instanceof ApiProblem ? make.error.fields[0]?.problem : undefined;
  return (
    <Modal opened={opened} onClose={close} title="New project">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <Stack>
          <TextInput
            label="Name"
            description="Small letters, digits, dots and hyphens, as in shop-support."
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={field}
            data-autofocus
            required
          />
          {make.isError && !field && <ProblemAlert error={make.error} />}
          <Group justify="flex-end">
            <Button type="submit" loading={make.isPending} disabled={!name.trim()}>
              Create project
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
