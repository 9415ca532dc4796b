/** From the form to the pipeline's request: a pure function, so that what is sent can be tested. */
import type { Schemas } from "@/api/client";
import { fromJson, Unreadable } from "@/parts/jsonl";

export interface NamedText {
  name: string;
  text: string;
}

/** An agent: a registered version, or the card that makes one. */
export type Side = { kind: "registered"; ref: string } | { kind: "card"; card: NamedText | null } | { kind: "none" };

export type Scenarios = { kind: "stored"; ref: string } | { kind: "file"; file: File | null; name: string } | { kind: "brief"; brief: string; size: number };

export interface StartForm {
  challenger: Side;
  champion: Side;
  cardDir: string;
  scenarios: Scenarios;
  trials: number;
  seed: number;
  feedback: File | null;
  model: string;
}

export interface Looked {
  /** Registered versions that the form names, by `agent_id@version`. */
  versions: Record<string, Schemas["AgentVersion"]>;
  dataset: Schemas["Dataset"] | null;
  policy: Schemas["ProjectPolicy"];
  /** As the server read the files. */
  scenarios: readonly Schemas["Scenario"][];
  feedback: readonly Schemas["Feedback"][];
}

/** What is missing, field by field; empty: it can be sent. */
export function missing(form: StartForm): string[] {
  const said: string[] = [];
  if (form.challenger.kind === "none" || (form.challenger.kind === "card" && form.challenger.card === null) || (form.challenger.kind === "registered" && !form.challenger.ref))
    said.push("Choose the challenger: the agent version to test.");
  if (form.champion.kind === "card" && form.champion.card === null) said.push("Give the champion's card, or choose that there is none.");
  if (form.champion.kind === "registered" && !form.champion.ref) said.push("Choose the champion, or that there is none.");
  const { scenarios } = form;
  if (scenarios.kind === "stored" && !scenarios.ref) said.push("Choose a dataset.");
  if (scenarios.kind === "file" && scenarios.file === null) said.push("Give a file with scenarios.");
  if (scenarios.kind === "brief" && !scenarios.brief.trim()) said.push("Say what the Dataset Builder should test.");
  return said;
}

/** Raises Unreadable for files that are none. */
export function startRequest(project: string, form: StartForm, looked: Looked): Record<string, unknown> {
  const challenger = card(form.challenger, looked, "challenger");
  const champion = card(form.champion, looked, "champion");
  if (challenger === null) throw new Unreadable("challenger: choose one");
  return {
    project,
    challenger,
    champion,
    card_dir: form.cardDir || registeredDir(form, looked) || ".",
    ...scenariosOf(form.scenarios, looked),
    trials: form.trials,
    seed: form.seed,
    threshold: looked.policy.dataset_threshold,
    policy: looked.policy.compare,
    feedback: looked.feedback,
    ...(form.model ? { model: form.model } : {}),
  };
}

function card(side: Side, looked: Looked, what: string): unknown {
  switch (side.kind) {
    case "none":
      return null;
    case "registered":
      if (!looked.versions[side.ref]) throw new Unreadable(`${what}: ${side.ref} is not registered`);
      return looked.versions[side.ref]?.card;
    case "card":
      return side.card && fromJson(side.card.text, side.card.name);
  }
}

function registeredDir(form: StartForm, looked: Looked): string | undefined {
  const refs = [form.challenger, form.champion].flatMap((side) => (side.kind === "registered" ? [side.ref] : []));
  return refs.map((ref) => looked.versions[ref]?.card_dir).find((dir) => dir && dir !== ".");
}

function scenariosOf(scenarios: Scenarios, looked: Looked): Record<string, unknown> {
  switch (scenarios.kind) {
    case "stored":
      return { dataset: looked.dataset };
    case "file":
      return { dataset: { name: scenarios.name || "dataset", scenarios: looked.scenarios } };
    case "brief":
      return { brief: scenarios.brief.trim(), size: scenarios.size };
  }
}
