import { Card, Table, Text, Title } from "@mantine/core";

import type { Schemas } from "@/api/client";

/** What the simulated user was told. */
export function ScenarioCard({ scenario }: { scenario: Schemas["Scenario"] }) {
  const rows: [string, string][] = [
    ["Goal", scenario.goal],
    ["Persona", `${scenario.persona.name}: ${scenario.persona.description}`],
    ["Topic", `${scenario.topic}, ${scenario.difficulty}`],
    ...Object.entries(scenario.facts ?? {}).map(([name, value]): [string, string] => [`Knows: ${name}`, value]),
  ];
  return (
    <Card withBorder padding="sm" component="section" aria-label="Scenario">
      <Title order={2} mb="xs">
        Scenario
      </Title>
      <Table fz="sm" withRowBorders={false} verticalSpacing={3}>
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Td className="assay-dimmed" valign="top" w={120}>
                {name}
              </Table.Td>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {scenario.origin_ref && (
        <Text size="xs" c="dimmed">
          From {scenario.origin}: {scenario.origin_ref}
        </Text>
      )}
    </Card>
  );
}
