import { expect, it } from "vitest";

import { mayDecide, mayGovern, mayRun } from "./roles";

it("a role counts in its project, and with a star everywhere", () => {
  const ada = { roles: { shop: ["approver"], "*": ["viewer"] } } as const;
  expect(mayDecide(ada as never, "shop")).toBe(true);
  expect(mayDecide(ada as never, "bank")).toBe(false);
  expect(mayRun(ada as never, "shop")).toBe(false);
  expect(mayGovern({ roles: { "*": ["admin"] } }, "bank")).toBe(true);
});
