/** The files of a run, the chosen one opened beside them. */
import { Box, Button, Card, Code, Grid, Group, NavLink, ScrollArea, Text, Title } from "@mantine/core";
import { IconDownload, IconFile } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { ApiProblem, type Schemas } from "@/api/client";
import { Loaded } from "@/parts/states";
import { bytes } from "@/words";

import { firstShown, kindOf, pretty } from "./files";

const MOST_SHOWN = 200_000;

export function Artifacts({ project, runId, files }: { project: string; runId: string; files: readonly Schemas["RunFile"][] }) {
  const { file } = useSearch({ strict: false }) as { file?: string };
  const navigate = useNavigate();
  const chosen = files.find((one) => one.path === file) ?? firstShown(files);
  return (
    <Card withBorder padding="sm" component="section" aria-label="Artifacts">
      <Title order={2} mb="xs">
        Artifacts
      </Title>
      {files.length === 0 ? (
        <Text size="sm" c="dimmed">
          It stored no file.
        </Text>
      ) : (
        <Grid>
          <Grid.Col span={{ base: 12, md: 4, lg: 3 }}>
            <ScrollArea.Autosize mah={620}>
              <nav aria-label="Files">
                {files.map((one) => (
                  <NavLink
                    key={one.path}
                    component="button"
                    label={one.path}
                    description={bytes(one.bytes)}
                    leftSection={<IconFile size={15} />}
                    active={one === chosen}
                    styles={{ label: { overflowWrap: "anywhere" } }}
                    onClick={() => void navigate({ to: "/p/$project/runs/$runId", params: { project, runId }, search: { file: one.path }, replace: true, resetScroll: false })}
                  />
                ))}
              </nav>
            </ScrollArea.Autosize>
          </Grid.Col>
          <Grid.Col span={{ base: 12, md: 8, lg: 9 }}>{chosen && <Opened key={chosen.path} project={project} runId={runId} path={chosen.path} />}</Grid.Col>
        </Grid>
      )}
    </Card>
  );
}

function Opened({ project, runId, path }: { project: string; runId: string; path: string }) {
  const url = `/api/v1/projects/${encodeURIComponent(project)}/runs/${runId}/artifacts/${path.split("/").map(encodeURIComponent).join("/")}`;
  return (
    <>
      <Group justify="space-between" mb="xs" wrap="nowrap">
        <Text size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
          {path}
        </Text>
        <Button component="a" href={url} download={path.split("/").at(-1)} size="compact-xs" variant="default" leftSection={<IconDownload size={13} />}>
          Download
        </Button>
      </Group>
      <Shown url={url} path={path} />
    </>
  );
}

function Shown({ url, path }: { url: string; path: string }) {
  switch (kindOf(path)) {
    case "page":
      // the server forbids it everything but being looked at
      return <iframe title={path} src={url} style={{ width: "100%", height: 620, border: "1px solid var(--mantine-color-default-border)", background: "#fff" }} />;
    case "image":
      return <img src={url} alt={path} style={{ maxWidth: "100%" }} />;
    case "text":
      return <TextFile url={url} path={path} />;
    case "other":
      return (
        <Box py="md">
          <Text size="sm" c="dimmed">
            This kind of file is not shown here; download it.
          </Text>
        </Box>
      );
  }
}

function TextFile({ url, path }: { url: string; path: string }) {
  const query = useQuery({
    queryKey: ["artifact", url],
    queryFn: async () => {
      const answer = await fetch(url);
      if (!answer.ok) throw new ApiProblem(answer.status, "The file was not read", `The server answered ${answer.status}.`);
      return answer.text();
    },
    staleTime: Infinity,
  });
  return (
    <Loaded query={query} what="the file">
      {(text) => (
        <>
          {text.length > MOST_SHOWN && (
            <Text size="sm" c="dimmed" mb="xs">
              The first {bytes(MOST_SHOWN)} of {bytes(text.length)}; download it for the rest.
            </Text>
          )}
          <Code block mah={620} style={{ overflow: "auto", whiteSpace: "pre-wrap", overflowWrap: "anywhere" }} tabIndex={0} aria-label={`Content of ${path}`}>
            {pretty(path, text.slice(0, MOST_SHOWN))}
          </Code>
        </>
      )}
    </Loaded>
  );
}
