/** Where in the page a stage's result is shown. */
import type { StageName } from "@/api/client";

/** Props of a link to the result; null: it has no page of its own. The paths are those of router.tsx. */
export function resultPlace(project: string, stage: string, subject: string): { to: "/p/$project"; params: { project: string }; search?: never } | null {
  const place = placeOf(stage as StageName, subject);
  return place && ({ to: `/p/$project/${place.path}`, params: { project }, search: place.search } as never);
}

function placeOf(stage: StageName, subject: string): { path: string; search: Record<string, string> } | null {
  switch (stage) {
    case "develop":
      return { path: "agents", search: {} };
    case "dataset":
      return { path: "datasets", search: {} };
    case "simulate":
      return { path: "conversations", search: { simulation: subject } };
    case "judge":
      return { path: "conversations", search: { judging: subject } };
    case "analyze":
      return { path: "analytics", search: { subject } };
    case "compare":
      return { path: "compare", search: { subject } };
    case "deploy":
      return { path: "deploy", search: { subject } };
    case "feedback":
      return { path: "feedback", search: { subject } };
    default:
      return null;
  }
}
