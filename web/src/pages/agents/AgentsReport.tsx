/** How the platform's own six agents did their work, by the same measures as any agent. */
import { IconChecklist } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { api, ApiProblem, newKey, read } from "@/api/client";
import { JobButton } from "@/parts/JobButton";
import { PageHead } from "@/parts/PageHead";
import { ReportView } from "@/parts/ReportView";
import { Empty, Loaded } from "@/parts/states";

export function AgentsReport() {
  const { project = "" } = useParams({ strict: false });
  const query = useQuery({
    queryKey: ["project", project, "runs", "agents-report"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/agents-report", { params: { path: { project } } })),
  });
  const make = (
    <JobButton
      project={project}
      titles={{ running: "Creating the report", done: "The report is ready", failed: "The report was not created" }}
      variant={query.data ? "default" : "filled"}
      start={() => read(api.POST("/api/v1/projects/{project}/agents-report", { params: { path: { project }, header: { "Idempotency-Key": newKey() } }, body: {} }))}
    >
      {query.data ? "Refresh report" : "Create report"}
    </JobButton>
  );
  const none = query.error instanceof ApiProblem && query.error.status === 404;
  return (
    <>
      <PageHead title="Agents Report" says="Assay's own agents in this project: what they cost, how often they failed, how well they did.">
        {query.data && make}
      </PageHead>
      {none ? (
        <Empty icon={<IconChecklist />} title="No report on Assay's own agents yet" action={make}>
          It reads what the Dataset Builder, user simulator, judge, Analyst, Comparator and Feedback Analyst did in this project.
        </Empty>
      ) : (
        <Loaded query={query} what="the report">
          {(report) => <ReportView report={report} project={project} />}
        </Loaded>
      )}
    </>
  );
}
