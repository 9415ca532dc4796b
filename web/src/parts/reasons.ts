/** Reasons that were typed and not sent yet. They survive a reload, another person's decision and a new login. */
import { useState } from "react";

const key = (project: string, subject: string) => `assay-reason-${project}-${subject}`;

export function keptReason(project: string, subject: string): string {
  try {
    return sessionStorage.getItem(key(project, subject)) ?? "";
  } catch {
    return "";
  }
}

export function useReason(project: string, subject: string): [string, (reason: string) => void] {
  const [reason, setReason] = useState(() => keptReason(project, subject));
  const keep = (now: string) => {
    setReason(now);
    try {
      if (now) sessionStorage.setItem(key(project, subject), now);
      else sessionStorage.removeItem(key(project, subject));
    } catch {
      // private windows may have no storage: the text still stands in the form
    }
  };
  return [reason, keep];
}
