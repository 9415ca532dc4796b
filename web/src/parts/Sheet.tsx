import { Table } from "@mantine/core";
import type { ReactNode } from "react";

/** A table with its headings, that scrolls sideways by itself where the screen is narrow. `label` names it. */
export function Sheet({ label, columns, minWidth = 560, children }: { label: string; columns: readonly string[]; minWidth?: number; children: ReactNode }) {
  return (
    <Table.ScrollContainer minWidth={minWidth} type="native" tabIndex={0} role="region" aria-label={label}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column} scope="col">
                {column}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
