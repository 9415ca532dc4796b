/** Turns of two conversations beside each other. */
import type { Schemas } from "@/api/client";

type Turn = Schemas["Turn"];

export interface Pair {
  left: Turn | null;
  right: Turn | null;
}

/**
 * Turn beside turn: the users' turns are matched in order, each with what the agents answered before the next one.
 * Both sides play the same scenario, so the n-th wish of one user is the n-th of the other.
 */
export function alignTurns(left: readonly Turn[], right: readonly Turn[]): Pair[] {
  const pairs: Pair[] = [];
  const [a, b] = [exchanges(left), exchanges(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [one, other] = [a[index] ?? [], b[index] ?? []];
    for (let turn = 0; turn < Math.max(one.length, other.length); turn++) pairs.push({ left: one[turn] ?? null, right: other[turn] ?? null });
  }
  return pairs;
}

/** What the user said with all that followed until the user spoke again. */
function exchanges(turns: readonly Turn[]): Turn[][] {
  const found: Turn[][] = [];
  for (const turn of turns) {
    if (turn.role === "user" || found.length === 0) found.push([]);
    found.at(-1)?.push(turn);
  }
  return found;
}
