/** What labels are for: they validate the judge, and reports made afterwards use its corrected numbers. */
import { Alert, Button, Card, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { Ago } from "@/parts/badges";
import { JobButton } from "@/parts/JobButton";
import { ProblemAlert } from "@/parts/states";

import { useAgreement } from "./Agreement";

export function Certify({ project, judging, gated }: { project: string; judging: string; gated: boolean }) {
  const queries = useQueryClient();
  const rulings = useAgreement(project, judging)?.rulings ?? 0;
  const key = ["project", project, "labels", "certificates"];
  const newest = useQuery({
    queryKey: key,
    queryFn: () => read(api.GET("/api/v1/projects/{project}/certificates", { params: { path: { project } } })),
  }).data?.items[0];
  const certify = useMutation({
    mutationFn: () =>
      read(
        api.POST("/api/v1/projects/{project}/certificates", {
          params: { path: { project }, header: { "Idempotency-Key": newKey() } as never },
          body: withDefaults<Schemas["NewCertificate"]>({ judging_ids: [judging], all_of_judge: true }),
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: key }),
  });
  if (rulings === 0) return null;
  return (
    <Card withBorder padding="sm" component="section" aria-label="Use your labels">
      <Stack gap="xs">
        <Text size="sm">Labels count once the judge is validated with them: reports made afterwards show its numbers corrected by your labels.</Text>
        {newest && (
          <Alert color={newest.admitted ? "teal" : "yellow"} variant="light" title={newest.admitted ? "The judge is validated by human labels" : "The judge is not yet validated by human labels"}>
            {newest.reason} From {newest.rulings} {newest.rulings === 1 ? "label" : "labels"}, <Ago at={newest.made_at} />.
          </Alert>
        )}
        {certify.isError && <ProblemAlert error={certify.error} />}
        <Group gap="xs">
          <Button size="xs" loading={certify.isPending} onClick={() => certify.mutate()}>
            Validate the judge with these labels
          </Button>
          {newest && (
            <JobButton
              project={project}
              size="xs"
              variant="light"
              titles={{ running: "Creating the report", done: "The report is ready", failed: "The report was not created" }}
              start={() =>
                read(
                  api.POST("/api/v1/projects/{project}/reports", {
                    params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                    body: withDefaults<Schemas["AnalyzeRequest"]>({ project, judging_id: judging, gated }),
                  }),
                )
              }
            >
              Create a report with them
            </JobButton>
          )}
        </Group>
      </Stack>
    </Card>
  );
}
