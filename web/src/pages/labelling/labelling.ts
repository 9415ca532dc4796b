/** The state of labelling: pure, so that keys, buttons and reloads come to the same. */
import type { Schemas } from "@/api/client";

export type Ruling = Schemas["Ruling"];
export type Task = Schemas["LabelTask"];

export interface Said {
  ruling: Ruling | null;
  note: string;
}

/** What this person said so far and has not stored: conversation, expectation. Kept in the browser. */
export type Draft = Record<string, Record<string, Said>>;

export function saidOf(draft: Draft, task: Task, expectationId: string): Said {
  return draft[task.conversation_id]?.[expectationId] ?? { ruling: null, note: "" };
}

export function withSaid(draft: Draft, task: Task, expectationId: string, part: Partial<Said>): Draft {
  const said = { ...saidOf(draft, task, expectationId), ...part };
  return { ...draft, [task.conversation_id]: { ...draft[task.conversation_id], [expectationId]: said } };
}

export function isComplete(draft: Draft, task: Task): boolean {
  return task.asks.every((ask) => saidOf(draft, task, ask.expectation_id).ruling !== null);
}

/** The next expectation without a ruling behind `index`, going round; `index` itself where all are ruled on. */
export function nextOpen(draft: Draft, task: Task, index: number): number {
  for (let step = 1; step <= task.asks.length; step++) {
    const at = (index + step) % task.asks.length;
    const ask = task.asks[at];
    if (ask && saidOf(draft, task, ask.expectation_id).ruling === null) return at;
  }
  return index;
}

/** The task as it is stored. */
export function filledIn(draft: Draft, task: Task): Task {
  return {
    ...task,
    asks: task.asks.map((ask) => {
      const { ruling, note } = saidOf(draft, task, ask.expectation_id);
      return { ...ask, ruling, note };
    }),
  };
}

export function without(draft: Draft, conversationId: string): Draft {
  return Object.fromEntries(Object.entries(draft).filter(([id]) => id !== conversationId));
}

export interface Difference {
  text: string;
  mine: Ruling | null;
  judges: Ruling;
  rationale: string;
}

/** Where the judge ruled otherwise: looked at only after the labels are stored. */
export function differences(task: Task, verdicts: readonly Schemas["Verdict"][]): Difference[] {
  return task.asks.flatMap((ask) => {
    const verdict = verdicts.find((one) => one.expectation_id === ask.expectation_id);
    if (!verdict || ask.ruling === null || ask.ruling === undefined || verdict.ruling === ask.ruling) return [];
    return [{ text: ask.text, mine: ask.ruling, judges: verdict.ruling, rationale: verdict.rationale }];
  });
}
