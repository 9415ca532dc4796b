/** Who may do what, following the server's own table (api/access.py). The server decides; the page only explains. */
import type { Schemas } from "@/api/client";

type Me = Pick<Schemas["Me"], "roles">;
type Role = Schemas["Role"];

/** run: stages, chats, labels. decide: gates and rollouts. govern: policy, tokens, settings. */
export type Need = "run" | "decide" | "govern";

const ALLOWED: Record<Need, readonly Role[]> = { run: ["evaluator", "admin"], decide: ["approver", "admin"], govern: ["admin"] };

/** `project`: "*" stands for all projects. */
export function may(me: Me, project: string, need: Need): boolean {
  return [...(me.roles[project] ?? []), ...(me.roles["*"] ?? [])].some((role) => ALLOWED[need].includes(role));
}

export const mayDecide = (me: Me, project: string) => may(me, project, "decide");
export const mayRun = (me: Me, project: string) => may(me, project, "run");
export const mayGovern = (me: Me, project: string) => may(me, project, "govern");

/** Why this person may not do it; undefined: they may, or it is not known yet who they are. */
export function whyNot(me: Me | undefined, project: string, need: Need): string | undefined {
  if (me === undefined || may(me, project, need)) return undefined;
  return `This needs the role ${ALLOWED[need].join(" or ")} ${project === "*" ? "in all projects" : "in this project"}. An admin can grant it.`;
}
