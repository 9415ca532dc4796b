/** Files that people have are read by the server: it knows every format, and its errors name the line. */
import { api, read, type Schemas } from "@/api/client";

/** What the server reads. */
export const FORMATS = ".jsonl,.ndjson,.json,.csv,.tsv,.txt,.xlsx,.xls,.ods";
export const FORMAT_NAMES = "JSON Lines, JSON, CSV or Excel";

const asIs = { bodySerializer: (body: unknown) => body as BodyInit, headers: { "Content-Type": "application/octet-stream" } };

export async function readScenarios(project: string, file: File): Promise<Schemas["Scenario"][]> {
  const found = await read(api.POST("/api/v1/projects/{project}/files/scenarios", { params: { path: { project }, query: { name: file.name } }, body: file as never, ...asIs }));
  return found.scenarios as Schemas["Scenario"][];
}

export type DateOrder = "day-first" | "month-first";

export async function readFeedback(project: string, file: File, dates?: DateOrder): Promise<Schemas["Feedback"][]> {
  const found = await read(api.POST("/api/v1/projects/{project}/files/feedback", { params: { path: { project }, query: { name: file.name, dates } }, body: file as never, ...asIs }));
  return found.items as Schemas["Feedback"][];
}
