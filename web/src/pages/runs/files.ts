import type { Schemas } from "@/api/client";

export type FileKind = "page" | "image" | "text" | "other";

const TEXT = /\.(json|jsonl|txt|md|log|csv|yaml|yml|py|toml|xml)$/i;

/** How a file is shown. A PDF is no page: browsers forbid theirs in a sandbox. */
export function kindOf(path: string): FileKind {
  if (/\.html?$/i.test(path)) return "page";
  if (/\.(png|jpe?g|gif|svg|webp)$/i.test(path)) return "image";
  return TEXT.test(path) ? "text" : "other";
}

/** What is opened first: the report, else what can be read. */
export function firstShown(files: readonly Schemas["RunFile"][]): Schemas["RunFile"] | undefined {
  return files.find((file) => kindOf(file.path) === "page") ?? files.find((file) => kindOf(file.path) === "text") ?? files[0];
}

/** JSON with its structure seen; a part of a file that ends in the middle stays as it is. */
export function pretty(path: string, text: string): string {
  if (!path.endsWith(".json")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
