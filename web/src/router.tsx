/** Every view of the page by its address. Views are loaded when they are first opened, and again by themselves while the server is gone. */
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { lifecycleQuery } from "./api/queries";
import { whenReachable } from "./api/reach";
import { ProblemAlert, Waiting } from "./parts/states";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";

const root = createRootRouteWithContext<{ queries: QueryClient }>()({ component: Shell, notFoundComponent: NotFound });

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

/** Keeps only the named words of the address' search part. */
function words<const N extends string>(...names: N[]) {
  return (search: Record<string, unknown>) => Object.fromEntries(names.map((name) => [name, text(search[name])])) as { [K in N]?: string };
}

const home = createRoute({ getParentRoute: () => root, path: "/", component: lazyRouteComponent(whenReachable(() => import("./pages/home/Home")), "Home") });
const settings = createRoute({ getParentRoute: () => root, path: "/settings", component: lazyRouteComponent(whenReachable(() => import("./pages/settings/Settings")), "Settings") });

const project = createRoute({ getParentRoute: () => root, path: "/p/$project" });
const inProject = { getParentRoute: () => project } as const;

const views = [
  createRoute({ ...inProject, path: "/", component: lazyRouteComponent(whenReachable(() => import("./pages/lifecycle/Lifecycle")), "Lifecycle"), loader: ({ context, params }: { context: { queries: QueryClient }; params: { project: string } }) => void context.queries.prefetchQuery(lifecycleQuery(params.project)) }),
  createRoute({ ...inProject, path: "/start", component: lazyRouteComponent(whenReachable(() => import("./pages/lifecycle/Start")), "Start") }),
  createRoute({ ...inProject, path: "/jobs/$jobId", component: lazyRouteComponent(whenReachable(() => import("./pages/lifecycle/JobPage")), "JobPage") }),
  createRoute({ ...inProject, path: "/runs", validateSearch: words("q", "stage", "agent", "status", "gated"), component: lazyRouteComponent(whenReachable(() => import("./pages/runs/Runs")), "Runs") }),
  createRoute({ ...inProject, path: "/runs/$runId", validateSearch: words("file"), component: lazyRouteComponent(whenReachable(() => import("./pages/runs/Run")), "Run") }),
  createRoute({ ...inProject, path: "/conversations", validateSearch: words("simulation", "judging", "outcome", "scenario", "fault", "agent"), component: lazyRouteComponent(whenReachable(() => import("./pages/conversations/Conversations")), "Conversations") }),
  createRoute({ ...inProject, path: "/conversations/$conversationId", component: lazyRouteComponent(whenReachable(() => import("./pages/conversations/Conversation")), "Conversation") }),
  createRoute({ ...inProject, path: "/labelling", validateSearch: words("judging"), component: lazyRouteComponent(whenReachable(() => import("./pages/labelling/Labelling")), "Labelling") }),
  createRoute({ ...inProject, path: "/datasets", validateSearch: words("chat", "agent"), component: lazyRouteComponent(whenReachable(() => import("./pages/datasets/Datasets")), "Datasets") }),
  createRoute({ ...inProject, path: "/datasets/$name/$version", validateSearch: words("chat", "agent", "scenario"), component: lazyRouteComponent(whenReachable(() => import("./pages/datasets/Dataset")), "Dataset") }),
  createRoute({ ...inProject, path: "/analytics", validateSearch: words("subject", "chat"), component: lazyRouteComponent(whenReachable(() => import("./pages/analytics/Analytics")), "Analytics") }),
  createRoute({ ...inProject, path: "/compare", validateSearch: words("subject", "chat"), component: lazyRouteComponent(whenReachable(() => import("./pages/compare/Compare")), "Compare") }),
  createRoute({ ...inProject, path: "/deploy", validateSearch: words("subject"), component: lazyRouteComponent(whenReachable(() => import("./pages/deploy/Deploy")), "Deploy") }),
  createRoute({ ...inProject, path: "/feedback", validateSearch: words("subject", "chat"), component: lazyRouteComponent(whenReachable(() => import("./pages/feedback/Feedback")), "Feedback") }),
  createRoute({ ...inProject, path: "/gates", validateSearch: words("subject", "tab"), component: lazyRouteComponent(whenReachable(() => import("./pages/gates/Gates")), "Gates") }),
  createRoute({ ...inProject, path: "/agents", validateSearch: words("agent"), component: lazyRouteComponent(whenReachable(() => import("./pages/agents/Agents")), "Agents") }),
  createRoute({ ...inProject, path: "/agents-report", component: lazyRouteComponent(whenReachable(() => import("./pages/agents/AgentsReport")), "AgentsReport") }),
] as const;

const tree = root.addChildren([home, settings, project.addChildren(views)]);

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: "intent",
    scrollRestoration: true,
    defaultPendingMs: 200,
    defaultPendingComponent: () => <Waiting what="the page" />,
    defaultErrorComponent: ({ error, reset }) => <ProblemAlert error={error} again={reset} />,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
