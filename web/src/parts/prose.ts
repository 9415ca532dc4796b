/** The little of Markdown that reports and answers use, taken apart: paragraphs and `- ` lists. */

export type ProsePart = { kind: "paragraph"; text: string } | { kind: "list"; items: string[] };

export function proseParts(text: string): ProsePart[] {
  const parts: ProsePart[] = [];
  for (const block of text.trim().split(/\n{2,}/)) {
    for (const line of block.split("\n")) {
      const item = /^\s*- (.*)$/.exec(line);
      const last = parts.at(-1);
      if (item) {
        if (last?.kind === "list") last.items.push(item[1] ?? "");
        else parts.push({ kind: "list", items: [item[1] ?? ""] });
      } else if (last?.kind === "paragraph" && !last.text.endsWith("\n\n")) last.text += `\n${line}`;
      else parts.push({ kind: "paragraph", text: line });
    }
    const last = parts.at(-1);
    if (last?.kind === "paragraph") last.text += "\n\n";
  }
  return parts.map((part) => (part.kind === "paragraph" ? { ...part, text: part.text.trim() } : part)).filter((part) => part.kind === "list" || part.text !== "");
}

/** A number and its per cent sign stay on one line. */
export function tied(text: string): string {
  return text.replace(/(\d) %/g, "$1\u00a0%");
}
