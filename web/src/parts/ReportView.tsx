/** A stored report, drawn from the same contract as its HTML and PDF. */
import { Alert, Anchor, Box, Button, Card, Group, Menu, Paper, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { Fragment, type ReactNode, useCallback } from "react";

import type { Schemas } from "@/api/client";
import type { Resource } from "@/api/queries";
import { TONES } from "@/theme";
import { metric } from "@/words";

import { Chart } from "./Chart";
import { proseParts, tied } from "./prose";
import { chartHeight, chartOption, chartTable, inUnit } from "./reportChart";

type Block = Schemas["Section"]["blocks"][number];

/** `said`: the headline stands above already, and is not said twice. */
export function ReportView({ report, project, resource, subject, said = false }: { report: Schemas["Report"]; project: string; resource?: Resource; subject?: string; said?: boolean }) {
  const files = resource && subject && <ReportFiles project={project} resource={resource} subject={subject} />;
  return (
    <Stack gap="lg">
      {said ? (
        <Group>{files}</Group>
      ) : (
        <Paper withBorder p="md" style={{ borderLeft: `4px solid var(--mantine-color-${TONES[report.tone]}-6)` }}>
          <Group justify="space-between" align="flex-start" wrap="nowrap">
            <Text fz="lg" fw={600} style={{ textWrap: "pretty" }}>
              {tied(report.headline)}
            </Text>
            {files}
          </Group>
        </Paper>
      )}
      {report.caveats.length > 0 && (
        <Alert color="yellow" variant="light" title="Read this first">
          <Stack gap={4}>
            {report.caveats.map((caveat) => (
              <Text size="sm" key={caveat}>
                {caveat}
              </Text>
            ))}
          </Stack>
        </Alert>
      )}
      {report.sections.map((section) => (
        <section key={section.title} aria-label={section.title}>
          <Title order={2} mb="xs">
            {section.title}
          </Title>
          <Stack gap="md">
            {section.blocks.map((block, index) => (
              <ReportBlock key={index} block={block} project={project} />
            ))}
          </Stack>
        </section>
      ))}
      <Provenance of={report.provenance} />
    </Stack>
  );
}

function ReportFiles({ project, resource, subject }: { project: string; resource: Resource; subject: string }) {
  const base = `/api/v1/projects/${encodeURIComponent(project)}/${resource}/${encodeURIComponent(subject)}/report`;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" style={{ flexShrink: 0 }} leftSection={<IconDownload size={14} />}>
          Report
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(["html", "pdf", "json"] as const).map((format) => (
          <Menu.Item key={format} component="a" href={`${base}?format=${format}`} target="_blank" rel="noopener">
            {format.toUpperCase()}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function ReportBlock({ block, project }: { block: Block; project: string }) {
  switch (block.kind) {
    case "text":
      return <Prose text={block.text} />;
    case "facts":
      return <Facts facts={block.facts} />;
    case "table":
      return <ReportTable block={block} project={project} />;
    case "chart":
      return <ReportChart block={block} />;
    case "transcript":
      return <Aligned block={block} project={project} />;
  }
}

/** Paragraphs, `- ` lists, **bold** and `code`: all that reports use. */
export function Prose({ text, size }: { text: string; size?: "sm" }) {
  return (
    <Stack gap="xs" maw="76ch" fz={size}>
      {proseParts(text).map((part, index) =>
        part.kind === "list" ? (
          <Box component="ul" key={index} my={0} pl="lg">
            {part.items.map((item, place) => (
              <li key={place}>{marked(item)}</li>
            ))}
          </Box>
        ) : (
          <Text key={index} inherit style={{ whiteSpace: "pre-line", overflowWrap: "anywhere" }}>
            {marked(part.text)}
          </Text>
        ),
      )}
    </Stack>
  );
}

function marked(text: string): ReactNode {
  return tied(text).split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((piece, index) => {
    if (piece.startsWith("**") && piece.endsWith("**") && piece.length > 4) return <b key={index}>{piece.slice(2, -2)}</b>;
    if (piece.startsWith("`") && piece.endsWith("`") && piece.length > 2) return <code key={index}>{piece.slice(1, -1)}</code>;
    return <Fragment key={index}>{piece}</Fragment>;
  });
}

export function Facts({ facts }: { facts: readonly Schemas["Fact"][] }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: Math.min(4, Math.max(2, facts.length)) }}>
      {facts.map((fact) => {
        const { value, beside } = factWords(fact);
        return (
          <Card withBorder key={fact.fact_id} padding="sm">
            <Text size="xs" c="dimmed">
              {fact.label}
            </Text>
            <Text fz={value.length > 14 ? "md" : 24} fw={650} lh={1.25} style={{ overflowWrap: "anywhere" }}>
              {value}
            </Text>
            {beside && (
              <Text size="xs" c="dimmed">
                {beside}
              </Text>
            )}
          </Card>
        );
      })}
    </SimpleGrid>
  );
}

/** A fact's value and what stands beside it: interval and n, or why there is no number. */
export function factWords(fact: Schemas["Fact"]): { value: string; beside: string } {
  const unit = fact.unit === "text" ? "count" : fact.unit;
  const value = fact.value;
  if (typeof value === "string") return { value, beside: "" };
  if (typeof value === "number") return { value: inUnit(value, unit), beside: "" };
  if ("reason" in value) return { value: "too little data", beside: value.reason };
  const interval = `${inUnit(value.low, unit)} to ${inUnit(value.high, unit)}`;
  return { value: inUnit(value.value, unit), beside: `${interval}, n ${metric(value.n)}` };
}

function ReportTable({ block, project }: { block: Schemas["TableBlock"]; project: string }) {
  return (
    <Table.ScrollContainer minWidth={420} type="native" tabIndex={0} role="region" aria-label={block.title || "table"}>
      <Table>
        {block.title && <Table.Caption style={{ captionSide: "top", textAlign: "left" }}>{block.title}</Table.Caption>}
        <Table.Thead>
          <Table.Tr>
            {block.columns.map((column, index) => (
              <Table.Th key={index} scope="col">
                {column}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {block.rows.map((row, index) => (
            <Table.Tr key={index}>
              {row.map((cell, place) => (
                <Table.Td key={place} c={cell.tone === "plain" ? undefined : `var(--assay-${cell.tone})`} fw={cell.tone === "plain" ? undefined : 600}>
                  <CellText cell={cell} project={project} />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function CellText({ cell, project }: { cell: Schemas["Cell"]; project: string }) {
  if (!cell.link) return cell.text;
  if (/^[0-9a-f]{32}$/.test(cell.link))
    return (
      <Anchor component={Link} {...({ to: "/p/$project/conversations/$conversationId", params: { project, conversationId: cell.link } } as object)}>
        {cell.text}
      </Anchor>
    );
  if (!/^https?:/.test(cell.link)) return cell.text;
  return (
    <Anchor href={cell.link} target="_blank" rel="noopener noreferrer">
      {cell.text}
    </Anchor>
  );
}

function ReportChart({ block }: { block: Schemas["ChartBlock"] }) {
  const option = useCallback((colours: Parameters<typeof chartOption>[1]) => chartOption(block, colours), [block]);
  if (block.points.length === 0) return null;
  return (
    <Card withBorder padding="sm">
      <Text fw={600} size="sm" mb={4}>
        {block.title}
      </Text>
      <Chart title={block.title} option={option} height={chartHeight(block)} table={chartTable(block)} />
    </Card>
  );
}

/** Conversations side by side, turn beside turn. */
function Aligned({ block, project }: { block: Schemas["TranscriptBlock"]; project: string }) {
  return (
    <Card withBorder padding="sm">
      <Text fw={600} size="sm" mb={4}>
        {block.title}
      </Text>
      <Table.ScrollContainer minWidth={block.columns.length > 1 ? 560 : 320} type="native" tabIndex={0} role="region" aria-label={block.title}>
        <Table layout="fixed" highlightOnHover={false}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={64}>
                <span className="assay-dimmed">who</span>
              </Table.Th>
              {block.names.map((name, index) => (
                <Table.Th key={index} scope="col">
                  {block.conversation_ids[index] ? <CellText cell={{ text: name, link: block.conversation_ids[index], tone: "plain" }} project={project} /> : name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {block.roles.map((role, turn) => (
              <Table.Tr key={turn} bg={role === "user" ? "var(--mantine-color-default-hover)" : undefined}>
                <Table.Td className="assay-dimmed" valign="top">
                  {role}
                </Table.Td>
                {block.columns.map((column, index) => (
                  <Table.Td key={index} valign="top" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                    {column[turn] || <span className="assay-dimmed">–</span>}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}

function Provenance({ of }: { of: Record<string, string> }) {
  return (
    <details>
      <summary>
        <Text span size="sm" c="dimmed">
          What it takes to repeat this
        </Text>
      </summary>
      <Table withRowBorders={false} mt="xs" fz="xs">
        <Table.Tbody>
          {Object.entries(of).map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Td w={180} className="assay-dimmed">
                {name}
              </Table.Td>
              <Table.Td ff="monospace" style={{ overflowWrap: "anywhere" }}>
                {value}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </details>
  );
}
