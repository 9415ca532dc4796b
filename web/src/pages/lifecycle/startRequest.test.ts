import { describe, expect, it } from "vitest";

import { type Looked, missing, startRequest, type StartForm } from "./startRequest";

const card = (version: string) => ({ name: `${version}.json`, text: JSON.stringify({ agent_id: "shop", version }) });
const form: StartForm = {
  challenger: { kind: "card", card: card("v2") },
  champion: { kind: "none" },
  cardDir: "examples/shop",
  scenarios: { kind: "file", file: new File([], "d.csv"), name: "returns" },
  trials: 3,
  seed: 0,
  feedback: null,
  model: "",
};
const looked = { versions: {}, dataset: null, policy: { dataset_threshold: 0.7, compare: { margin: 0.05 } }, scenarios: [{ scenario_id: "one" }], feedback: [] } as unknown as Looked;

describe("what the form says is what is asked", () => {
  it("files become the card and the dataset, and the project's policy is declared with it", () => {
    expect(startRequest("shop", form, looked)).toEqual({
      project: "shop",
      challenger: { agent_id: "shop", version: "v2" },
      champion: null,
      card_dir: "examples/shop",
      dataset: { name: "returns", scenarios: [{ scenario_id: "one" }] },
      trials: 3,
      seed: 0,
      threshold: 0.7,
      policy: { margin: 0.05 },
      feedback: [],
    });
  });
  it("a registered version brings its card and its folder", () => {
    const registered = { card: { agent_id: "shop", version: "v1" }, card_dir: "/agents/shop" };
    const asked = startRequest("shop", { ...form, cardDir: "", champion: { kind: "registered", ref: "shop@v1" } }, { ...looked, versions: { "shop@v1": registered } } as unknown as Looked);
    expect(asked).toMatchObject({ champion: { version: "v1" }, card_dir: "/agents/shop" });
  });
  it("a brief asks for drafts", () => {
    expect(startRequest("shop", { ...form, scenarios: { kind: "brief", brief: " refunds ", size: 12 } }, looked)).toMatchObject({ brief: "refunds", size: 12 });
  });
  it("a card that is not JSON is named", () => {
    const broken: StartForm = { ...form, challenger: { kind: "card", card: { name: "v3.json", text: "{" } } };
    expect(() => startRequest("shop", broken, looked)).toThrow("v3.json: not valid JSON");
  });
});

it("all that is missing is said at once", () => {
  expect(missing(form)).toEqual([]);
  expect(missing({ ...form, challenger: { kind: "card", card: null }, scenarios: { kind: "brief", brief: " ", size: 3 } })).toHaveLength(2);
});
