/** What can be named on the server: Assay's own kinds, and those of installed packages. */
import type { Schemas } from "@/api/client";

export type Group = Schemas["PluginGroup"];

/** All names of a kind, Assay's own first. */
export function namesOf(plugins: Schemas["Plugins"], group: Group): string[] {
  return [...(plugins.built_in[group] ?? []), ...plugins.items.filter((item) => item.group === group).map((item) => item.name)];
}

/** `assay.report_blocks` as people read it. */
export function kindOf(group: Group): string {
  return group.replace("assay.", "").replaceAll("_", " ");
}
