/** What several pages read. Keys begin with ["project", project, part], so that live changes refresh just their part. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, keepCsrfToken, read, type Schemas } from "./client";
import type { paths } from "./schema";

/** The parts that `/events` tells of. */
export type Part = "runs" | "jobs" | "gates" | "traffic";

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: async () => {
    const me = await read(api.GET("/api/v1/me"));
    keepCsrfToken(me.csrf_token);
    return me;
  },
  staleTime: 60_000,
});

export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: () => read(api.GET("/api/v1/health")),
  refetchInterval: 10_000,
});

/** What cards, requests and policies can name on this server, by kind. */
export const pluginsQuery = queryOptions({
  queryKey: ["plugins"],
  queryFn: () => read(api.GET("/api/v1/plugins")),
});

/** What is measured of a conversation; each can be a guardrail. */
export const measuresQuery = queryOptions({
  queryKey: ["measures"],
  queryFn: () => read(api.GET("/api/v1/measures")),
  staleTime: Infinity,
});

export const projectsQuery = queryOptions({
  queryKey: ["projects"],
  queryFn: () => read(api.GET("/api/v1/projects", { params: { query: { limit: 200 } } })),
});

export const lifecycleQuery = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "runs", "lifecycle"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}", { params: { path: { project } } })),
  });

export const agentsQuery = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "runs", "agents"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/agents", { params: { path: { project }, query: { limit: 200 } } })),
  });

export const datasetsQuery = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "runs", "datasets"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/datasets", { params: { path: { project }, query: { limit: 200 } } })),
  });

/** The API's collections of results with a report. */
export type Resource = ReportOf<keyof paths>;
type ReportOf<Path> = Path extends `/api/v1/projects/{project}/${infer Name}/{subject_id}/report` ? Name : never;

export const resultsQuery = (project: string, resource: Resource) =>
  infiniteQueryOptions({
    queryKey: ["project", project, "runs", "results", resource],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }): Promise<Schemas["RunPage"]> =>
      read(api.GET(`/api/v1/projects/{project}/${resource}`, { params: { path: { project }, query: { limit: 50, cursor: pageParam } } })),
    getNextPageParam: (page: Schemas["RunPage"]) => page.next_cursor ?? undefined,
  });

/** The stored report of a result, as the Report contract. */
export const reportQuery = (project: string, resource: Resource, subject: string) =>
  queryOptions({
    queryKey: ["project", project, "report", resource, subject],
    queryFn: () =>
      read(
        api.GET(`/api/v1/projects/{project}/${resource}/{subject_id}/report`, {
          params: { path: { project, subject_id: subject }, query: { format: "json" } },
        }),
      ) as Promise<Schemas["Report"]>,
    staleTime: Infinity,
  });

export const gatesQuery = (project: string, state: "waiting" | "approved" | "rejected") =>
  queryOptions({
    queryKey: ["project", project, "gates", state],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/gates", { params: { path: { project }, query: { state, limit: 100 } } })),
  });

export const jobQuery = (project: string, jobId: string) =>
  queryOptions({
    queryKey: ["project", project, "jobs", "one", jobId],
    queryFn: () => read(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
  });

export const policyQuery = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "policy"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/policy", { params: { path: { project } } })),
  });

export const conversationQuery = (project: string, conversationId: string) =>
  queryOptions({
    queryKey: ["project", project, "runs", "conversation", conversationId],
    queryFn: () =>
      read(
        api.GET("/api/v1/projects/{project}/conversations/{conversation_id}", {
          params: { path: { project, conversation_id: conversationId } },
        }),
      ),
  });
