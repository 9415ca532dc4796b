/** What stands around every view: project, navigation, who is there, whether the server answers. */
import { ActionIcon, AppShell, Badge, Burger, Button, Group, Modal, NavLink, type NavLinkProps, ScrollArea, Stack, Select, Text, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconBuildingFactory2, IconChartHistogram, IconChecklist, IconDatabase, IconExternalLink, IconGitCompare, IconListDetails, IconLogout,
  IconMessageReport, IconMessages, IconMoon, IconRobot, IconRocket, IconRoute, IconSettings, IconShieldCheck, IconSun, IconTags,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { createLink, Outlet, useNavigate, useParams, useRouterState } from "@tanstack/react-router";
import { type AnchorHTMLAttributes, forwardRef, type ReactNode, useEffect, useRef } from "react";

import { api, ApiProblem, type Schemas } from "@/api/client";
import { useProjectChanges } from "@/api/live";
import { gatesQuery, healthQuery, meQuery, projectsQuery } from "@/api/queries";
import { isLoggedOut } from "@/api/session";
import { IconTo, LinkTo } from "@/parts/links";
import { ProblemAlert, Waiting } from "@/parts/states";

import { LogIn, logInAddress } from "./LogIn";

const NavTo = createLink(forwardRef<HTMLAnchorElement, NavLinkProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof NavLinkProps>>((props, ref) => <NavLink component="a" ref={ref} {...props} />));

const VIEWS: readonly { path: string; label: string; icon: ReactNode; group: string }[] = [
  { group: "Project", path: "", label: "Lifecycle", icon: <IconRoute size={18} /> },
  { group: "Project", path: "runs", label: "Runs", icon: <IconListDetails size={18} /> },
  { group: "Project", path: "gates", label: "Gates", icon: <IconShieldCheck size={18} /> },
  { group: "Stages", path: "agents", label: "Agents", icon: <IconRobot size={18} /> },
  { group: "Stages", path: "datasets", label: "Datasets", icon: <IconDatabase size={18} /> },
  { group: "Stages", path: "conversations", label: "Conversations", icon: <IconMessages size={18} /> },
  { group: "Stages", path: "labelling", label: "Labelling", icon: <IconTags size={18} /> },
  { group: "Stages", path: "analytics", label: "Analytics", icon: <IconChartHistogram size={18} /> },
  { group: "Stages", path: "compare", label: "Compare", icon: <IconGitCompare size={18} /> },
  { group: "Stages", path: "deploy", label: "Deploy", icon: <IconRocket size={18} /> },
  { group: "Stages", path: "feedback", label: "Feedback", icon: <IconMessageReport size={18} /> },
  { group: "Assay", path: "agents-report", label: "Agents Report", icon: <IconChecklist size={18} /> },
];

export function Shell() {
  const me = useQuery(meQuery);
  const [open, { toggle, close }] = useDisclosure(false);
  const { project } = useParams({ strict: false });
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(close, [path, close]);
  const loggedOut = isLoggedOut(me.error) || me.data?.known === false;
  useProjectChanges(me.data && !loggedOut ? project : undefined);
  // who was here before the session ended: what they had on screen stays under the dialog
  const last = useRef<Schemas["Me"] | undefined>(undefined);
  if (me.data?.known) last.current = me.data;
  const who = last.current;

  if (who === undefined) {
    if (me.data) return <LogIn login={me.data.login} />;
    return <AppFrame>{me.isError ? <ProblemAlert error={me.error} again={() => void me.refetch()} /> : <Waiting what="who you are" />}</AppFrame>;
  }
  return (
    <>
      <SessionEnded opened={loggedOut} login={(me.data ?? who).login} again={() => void me.refetch()} />
    <AppShell header={{ height: 52 }} navbar={{ width: 208, breakpoint: "sm", collapsed: { mobile: !open, desktop: false } }} padding={{ base: "sm", md: "lg" }}>
      <a className="assay-skip" href="#content">
        To the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" />
            <LinkTo to="/" underline="never" c="inherit" aria-label="Assay: all projects">
              <Group gap={8} wrap="nowrap">
                <img src="/favicon.svg" alt="" width={24} height={24} />
                <Text fw={700} visibleFrom="xs">
                  Assay
                </Text>
              </Group>
            </LinkTo>
            <ProjectPicker project={project} />
          </Group>
          <Group gap={6} wrap="nowrap">
            <Connection />
            {who.mlflow && (
              <Button component="a" href={who.mlflow} target="_blank" rel="noopener" size="compact-sm" variant="subtle" color="gray" rightSection={<IconExternalLink size={14} />} visibleFrom="sm">
                MLflow
              </Button>
            )}
            <ColourScheme />
            <IconTo to="/settings" variant="subtle" color="gray" aria-label="Settings">
              <IconSettings size={18} />
            </IconTo>
            <Account me={who} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        <ScrollArea type="auto">
          {project === undefined ? (
            <>
              <NavTo to="/" label="Projects" leftSection={<IconBuildingFactory2 size={18} />} active={path === "/"} />
              <NavTo to="/settings" label="Settings" leftSection={<IconSettings size={18} />} active={path === "/settings"} />
            </>
          ) : (
            <Views project={project} path={path} />
          )}
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: "none" }}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
    </>
  );
}

function SessionEnded({ opened, login, again }: { opened: boolean; login: boolean; again: () => void }) {
  return (
    <Modal opened={opened} onClose={again} title="Your session has ended" closeOnClickOutside={false} withCloseButton={false}>
      <Stack>
        <Text size="sm">
          {login ? "Log in again to go on. You come back to this page." : "Log in again to go on. What is on this page stays until you leave it."}
        </Text>
        <Group>
          {login && (
            <Button component="a" href={logInAddress()}>
              Log in
            </Button>
          )}
          <Button variant="default" onClick={again}>
            I am logged in again
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function AppFrame({ children }: { children: ReactNode }) {
  return <main style={{ maxWidth: 640, margin: "15vh auto", padding: 16 }}>{children}</main>;
}

function Views({ project, path }: { project: string; path: string }) {
  const waiting = useQuery({ ...gatesQuery(project, "waiting"), staleTime: 10_000 }).data?.items.length ?? 0;
  const base = `/p/${project}`;
  return (
    <>
      {VIEWS.map((view, index) => {
        const to = view.path ? `${base}/${view.path}` : base;
        const active = view.path ? path === to || path.startsWith(`${to}/`) : path.replace(/\/$/, "") === base;
        return (
          <div key={view.path}>
            {view.group !== VIEWS[index - 1]?.group && (
              <Text size="xs" fw={600} className="assay-dimmed" px="sm" pt={index === 0 ? 4 : "sm"} pb={4}>
                {view.group}
              </Text>
            )}
            <NavTo
              {...({ to } as { to: "/" })}
              label={view.label}
              leftSection={view.icon}
              active={active}
              activeOptions={{ exact: view.path === "" }}
              aria-current={active ? "page" : undefined}
              rightSection={view.path === "gates" && waiting > 0 ? <Badge size="sm" color="yellow" aria-label={`${waiting} waiting`}>{waiting}</Badge> : undefined}
            />
          </div>
        );
      })}
    </>
  );
}

function ProjectPicker({ project }: { project: string | undefined }) {
  const projects = useQuery(projectsQuery);
  const navigate = useNavigate();
  const names = (projects.data?.items ?? []).map((item) => item.project);
  if (project !== undefined && !names.includes(project)) names.unshift(project);
  return (
    <Select
      aria-label="Project"
      placeholder="Choose a project"
      searchable
      size="xs"
      w={{ base: 130, xs: 190 }}
      data={names}
      value={project ?? null}
      onChange={(chosen) => chosen && void navigate({ to: "/p/$project", params: { project: chosen } })}
      nothingFoundMessage="No such project"
    />
  );
}

function Connection() {
  const health = useQuery(healthQuery);
  const gone = health.error ?? health.failureReason;
  if (gone instanceof ApiProblem && gone.unreachable) return <Badge color="red" variant="light" role="status">server gone, trying again</Badge>;
  if (health.data?.status === "degraded") return <Badge color="orange" variant="light">MLflow does not answer</Badge>;
  if (health.data?.workers?.length === 0)
    return (
      <Tooltip label="Jobs wait until a worker runs: assay worker">
        <Badge color="orange" variant="light" tabIndex={0}>
          no worker
        </Badge>
      </Tooltip>
    );
  return null;
}

function ColourScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={`Show in ${other}`} onClick={() => setColorScheme(other)}>
      {scheme === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}

function Account({ me }: { me: Schemas["Me"] }) {
  if (me.auth === "off")
    return (
      <Tooltip label="Authentication is off: this server answers on this machine only">
        <Text size="sm" c="dimmed" visibleFrom="xs" tabIndex={0}>
          {me.name}
        </Text>
      </Tooltip>
    );
  return (
    <Group gap={4} wrap="nowrap">
      <Text size="sm" visibleFrom="xs">
        {me.name}
      </Text>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label="Log out"
        onClick={() => void api.POST("/api/v1/auth/logout").finally(() => window.location.assign("/"))}
      >
        <IconLogout size={18} />
      </ActionIcon>
    </Group>
  );
}
