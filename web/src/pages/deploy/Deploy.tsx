/** Stage 7: the registry, the rollout's plan, and the traffic in production. */
import { Badge, Card, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { IconRocket } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { api, ApiProblem, read, type Schemas } from "@/api/client";
import { agentsQuery, reportQuery } from "@/api/queries";
import { Ago } from "@/parts/badges";
import { LinkTo } from "@/parts/links";
import { PageHead } from "@/parts/PageHead";
import { ReportView } from "@/parts/ReportView";
import { Empty, Loaded } from "@/parts/states";
import { SubjectPicker } from "@/parts/SubjectPicker";
import { agentName } from "@/words";

import { BeginRollout } from "./BeginRollout";
import { trafficQuery } from "./queries";
import { TrafficNow } from "./TrafficNow";

export function Deploy() {
  const { project = "" } = useParams({ strict: false });
  const { subject } = useSearch({ strict: false }) as { subject?: string };
  const navigate = useNavigate();
  const traffic = useQuery(trafficQuery(project));
  const never = traffic.error instanceof ApiProblem && traffic.error.status === 404;
  return (
    <>
      <PageHead title="Deploy" says="From the registry into production, step by step, watched by guardrails." />
      <Stack gap="lg">
        <Registry project={project} />
        {never ? null : (
          <Loaded query={traffic} what="the traffic">
            {(now) => <TrafficNow project={project} traffic={now} />}
          </Loaded>
        )}
        <section aria-label="Deployments">
          <Title order={2} mb="xs">
            Deployments
          </Title>
          <SubjectPicker
            project={project}
            resource="rollouts"
            label="Deployment"
            subject={subject}
            onSubject={(chosen) => void navigate({ to: "/p/$project/deploy", params: { project }, search: { subject: chosen }, replace: true })}
            empty={
              <Empty icon={<IconRocket />} title="Nothing was deployed yet">
                A comparison that says PROMOTE, and whose gate is approved, is deployed from its lifecycle.
              </Empty>
            }
          >
            {({ subject: chosen }) => <Deployment key={chosen} project={project} subject={chosen} under={traffic.data} />}
          </SubjectPicker>
        </section>
      </Stack>
    </>
  );
}

const COLUMNS = ["None", "Staging", "Production", "Archived"] as const;

function Registry({ project }: { project: string }) {
  const query = useQuery(agentsQuery(project));
  return (
    <section aria-label="Registry">
      <Title order={2} mb="xs">
        Registry
      </Title>
      <Loaded query={query} what="the registry">
        {(page) => (
          <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
            {COLUMNS.map((stage) => {
              const items = page.items.filter((item) => item.registry_stage === stage);
              return (
                <Card key={stage} withBorder padding="sm" component="section" aria-label={stage}>
                  <Group justify="space-between" mb={6}>
                    <Text fw={650} size="sm">
                      {stage}
                    </Text>
                    <Badge variant="light" color="gray">
                      {items.length}
                    </Badge>
                  </Group>
                  <Stack gap={4}>
                    {items.slice(0, 6).map((item) => (
                      <Group key={agentName(item.agent)} justify="space-between" wrap="nowrap">
                        <LinkTo to="/p/$project/agents" params={{ project }} search={{ agent: agentName(item.agent) }} fz="sm">
                          {agentName(item.agent)}
                        </LinkTo>
                        <Text size="xs" c="dimmed">
                          <Ago at={item.registered_at} />
                        </Text>
                      </Group>
                    ))}
                    {items.length > 6 && (
                      <Text size="xs" c="dimmed">
                        and {items.length - 6} more
                      </Text>
                    )}
                  </Stack>
                </Card>
              );
            })}
          </SimpleGrid>
        )}
      </Loaded>
    </section>
  );
}

function Deployment({ project, subject, under }: { project: string; subject: string; under: Schemas["Traffic"] | undefined }) {
  const rollout = useQuery({
    queryKey: ["project", project, "result", "rollouts", subject],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/rollouts/{subject_id}", { params: { path: { project, subject_id: subject } } })),
  });
  const report = useQuery(reportQuery(project, "rollouts", subject));
  return (
    <Stack>
      <Loaded query={rollout} what="the deployment">
        {(found) => <BeginRollout project={project} rollout={found} under={under} />}
      </Loaded>
      <Loaded query={report} what="the report">
        {(found) => <ReportView report={found} project={project} resource="rollouts" subject={subject} />}
      </Loaded>
    </Stack>
  );
}
