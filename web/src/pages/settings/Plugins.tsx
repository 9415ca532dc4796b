/** What installed packages bring, beside Assay's own kinds. */
import { Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { pluginsQuery } from "@/api/queries";
import { Sheet } from "@/parts/Sheet";
import { Loaded } from "@/parts/states";
import { type Group, kindOf } from "@/plugins";

export function Plugins() {
  const query = useQuery(pluginsQuery);
  return (
    <Loaded query={query} what="the plug-ins">
      {(found) => (
        <Sheet label="Plug-ins" columns={["Kind", "Name", "From"]}>
          {(Object.entries(found.built_in) as [Group, string[]][]).flatMap(([group, names]) => [
            ...names.map((name) => ({ group, name, from: "Assay" })),
            ...found.items.filter((item) => item.group === group).map((item) => ({ group, name: item.name, from: `${item.package} ${item.version}` })),
          ]).map((row) => (
            <Table.Tr key={`${row.group}/${row.name}`}>
              <Table.Td>{kindOf(row.group)}</Table.Td>
              <Table.Td ff="monospace">{row.name}</Table.Td>
              <Table.Td>{row.from}</Table.Td>
            </Table.Tr>
          ))}
        </Sheet>
      )}
    </Loaded>
  );
}
