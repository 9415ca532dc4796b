/** JSON and JSON Lines: errors name the line. */

export class Unreadable extends Error {}

export function fromJson<T>(text: string, what: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new Unreadable(`${what}: not valid JSON (${(error as Error).message})`);
  }
}

/** One object a line; empty lines are passed over. */
export function fromJsonl<T>(text: string, what: string): T[] {
  const rows: T[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (!line.trim()) return;
    const row = fromJson<T>(line, `${what}:${index + 1}`);
    if (row === null || typeof row !== "object" || Array.isArray(row)) throw new Unreadable(`${what}:${index + 1}: not a JSON object`);
    rows.push(row);
  });
  if (rows.length === 0) throw new Unreadable(`${what}: holds no line: give one JSON object a line`);
  return rows;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
