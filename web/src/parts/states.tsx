/** Waiting, failing and having nothing yet: each says what is going on and what to do. */
import { Alert, Button, Center, Loader, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";

import { ApiProblem } from "@/api/client";

import { Unreadable } from "./jsonl";

const SILENT_MS = 900;

/** A spinner that says what it waits for before a second is over. */
export function Waiting({ what }: { what: string }) {
  const [long, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), SILENT_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Center mih={140} role="status" aria-live="polite">
      <Stack align="center" gap="xs">
        <Loader size="sm" />
        <Text size="sm" c="dimmed">
          {long ? `Still reading ${what}…` : `Reading ${what}…`}
        </Text>
      </Stack>
    </Center>
  );
}

/** What went wrong, as the server said it, with a way on. */
export function ProblemAlert({ error, again }: { error: unknown; again?: () => void }) {
  const problem = error instanceof ApiProblem ? error : new ApiProblem(-1, error instanceof Unreadable ? "This cannot be read" : "The page failed", error instanceof Error ? error.message : String(error));
  return (
    <Alert color="red" variant="light" title={problem.title} icon={problem.unreachable ? <IconPlugConnectedX /> : <IconAlertTriangle />} role="alert">
      <Stack gap="xs" align="flex-start">
        {problem.fields.length === 0 && (
          <Text size="sm" style={{ whiteSpace: "pre-line" }}>
            {problem.detail}
          </Text>
        )}
        {problem.fields.map((field) => (
          <Text size="sm" key={field.field + field.problem}>
            <b>{field.field.replace(/^(body|query|path)\./, "")}</b>: {field.problem}
          </Text>
        ))}
        {again && (
          <Button size="xs" variant="light" color="red" onClick={again}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** Nothing here yet: what it would be, and how to come by it. */
export function Empty({ icon, title, children, action }: { icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Center py={48} px="md">
      <Stack align="center" gap="sm" maw={460}>
        {icon && (
          <ThemeIcon size={44} radius="xl" variant="light" color="gray">
            {icon}
          </ThemeIcon>
        )}
        <Title order={3} ta="center">
          {title}
        </Title>
        {children && (
          <Text component="div" size="sm" c="dimmed" ta="center">
            {children}
          </Text>
        )}
        {action}
      </Stack>
    </Center>
  );
}

/** The data once it is there; otherwise why it is not. What could not be read again is shown as possibly out of date. */
export function Loaded<T>({ query, what, children }: { query: UseQueryResult<T>; what: string; children: (data: T) => ReactNode }) {
  if (query.data !== undefined)
    return (
      <>
        {query.isRefetchError && !(query.error instanceof ApiProblem && query.error.unreachable) && (
          <Stack gap={4} mb="sm">
            <ProblemAlert error={query.error} again={() => void query.refetch()} />
            <Text size="sm" c="dimmed">
              What follows was read earlier and may be out of date.
            </Text>
          </Stack>
        )}
        {children(query.data)}
      </>
    );
  if (query.isError) return <ProblemAlert error={query.error} again={() => void query.refetch()} />;
  return <Waiting what={what} />;
}
