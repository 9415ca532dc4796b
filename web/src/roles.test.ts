import { expect, it } from "vitest";

import { mayDecide, mayGovern, mayRun, whyNot } from "./roles";

it("a role counts in its project, and with a star everywhere", () => {
  const ada = { roles: { shop: ["approver"], "*": ["viewer"] } } as const;
  expect(mayDecide(ada as never, "shop")).toBe(true);
  expect(mayDecide(ada as never, "bank")).toBe(false);
  expect(mayRun(ada as never, "shop")).toBe(false);
  expect(mayGovern({ roles: { "*": ["admin"] } }, "bank")).toBe(true);
});

it("names the roles that an action needs, and nothing to whoever holds one", () => {
  expect(whyNot({ roles: { shop: ["viewer"] } }, "shop", "run")).toBe("This needs the role evaluator or admin in this project. An admin can grant it.");
  expect(whyNot({ roles: { shop: ["admin"] } }, "*", "govern")).toContain("in all projects");
  expect(whyNot({ roles: { shop: ["evaluator"] } }, "shop", "run")).toBeUndefined();
  expect(whyNot(undefined, "shop", "run")).toBeUndefined();
});
