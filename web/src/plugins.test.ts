import { expect, test } from "vitest";

import type { Schemas } from "@/api/client";

import { kindOf, namesOf } from "./plugins";

test("names of a kind are Assay's own and those of packages", () => {
  const plugins = {
    schema_version: "1",
    built_in: { "assay.connectors": ["python", "http"], "assay.report_blocks": [] },
    items: [{ group: "assay.connectors", name: "echo", package: "assay-example", version: "1.0", target: "a:b" }],
  } as unknown as Schemas["Plugins"];
  expect(namesOf(plugins, "assay.connectors")).toEqual(["python", "http", "echo"]);
  expect(namesOf(plugins, "assay.report_blocks")).toEqual([]);
  expect(kindOf("assay.report_blocks")).toBe("report blocks");
});
