/** Where in the page a stage's result is shown. */
import { STAGES } from "./stages";

/** Props of a link to the result; null: `stage` is no stage. The paths are those of router.tsx. */
export function resultPlace(project: string, stage: string, subject: string): { to: "/p/$project"; params: { project: string }; search?: never } | null {
  const view = STAGES.find((one) => one.stage === stage);
  if (view === undefined) return null;
  const search = view.named ? { [view.named]: subject } : {};
  return { to: `/p/$project/${view.shownAt ?? view.path}`, params: { project }, search } as never;
}
