/** Who may do what, as the server's own table says it (api/access.py); the server decides, this only greys out. */
import type { Schemas } from "@/api/client";

type Me = Pick<Schemas["Me"], "roles">;

function holds(me: Me, project: string, ...roles: Schemas["Role"][]): boolean {
  return [...(me.roles[project] ?? []), ...(me.roles["*"] ?? [])].some((role) => roles.includes(role));
}

/** Gates and rollouts. */
export const mayDecide = (me: Me, project: string) => holds(me, project, "approver", "admin");

/** Stages, chats, labels. */
export const mayRun = (me: Me, project: string) => holds(me, project, "evaluator", "admin");

/** The policy, tokens, settings. */
export const mayGovern = (me: Me, project: string) => holds(me, project, "admin");
