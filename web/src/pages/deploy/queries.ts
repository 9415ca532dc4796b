import { queryOptions } from "@tanstack/react-query";

import { api, read, type Schemas } from "@/api/client";

export const trafficQuery = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "traffic", "now"],
    // openapi-fetch widens tuples to arrays
    queryFn: () => read(api.GET("/api/v1/projects/{project}/traffic", { params: { path: { project } } })) as Promise<Schemas["Traffic"]>,
  });

export const looksQuery = (project: string) =>
  queryOptions({
    queryKey: ["project", project, "traffic", "looks"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/traffic/looks", { params: { path: { project } } })),
  });
