/** What a decision rests on: the result's report, or a link to where the result is shown. */
import { Card, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "@/api/client";
import { reportQuery, type Resource } from "@/api/queries";
import { ButtonTo } from "@/parts/links";
import { ReportView } from "@/parts/ReportView";
import { Loaded } from "@/parts/states";
import { resultPlace } from "@/places";
import { stageView } from "@/stages";

export function Evidence({ project, stage, subject }: { project: string; stage: Schemas["Stage"]; subject: string }) {
  const { resource, title } = stageView(stage);
  const place = resultPlace(project, stage, subject);
  return (
    <Card withBorder component="section" aria-label="Evidence">
      <Title order={2} mb="sm">
        The evidence
      </Title>
      {resource ? (
        <Report project={project} resource={resource} subject={subject} />
      ) : (
        <>
          <Text size="sm" mb="sm">
            The result is shown under {title}.
          </Text>
          {place && (
            <ButtonTo {...place} variant="light">
              Look at it
            </ButtonTo>
          )}
        </>
      )}
    </Card>
  );
}

function Report({ project, resource, subject }: { project: string; resource: Resource; subject: string }) {
  const query = useQuery(reportQuery(project, resource, subject));
  return (
    <Loaded query={query} what="the report">
      {(report) => <ReportView report={report} project={project} resource={resource} subject={subject} />}
    </Loaded>
  );
}
