/** Server-sent events: lists that stay live, jobs and chats that are followed. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import type { Schemas } from "./client";
import { jobQuery, type Part } from "./queries";

const AGAIN_MS = 1500;

/**
 * Follows `url` while the page is seen, and again by itself after the server was gone. A browser gives six
 * connections to a server, so a hidden tab lets its own go.
 */
export function useEvents(url: string | null, names: readonly string[], heard: (name: string, data: unknown, id: string) => void) {
  const hear = useRef(heard);
  hear.current = heard;
  const all = names.join(" ");
  useEffect(() => {
    if (url === null) return;
    let source: EventSource | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = "";
    let ended = false;

    const open = () => {
      clearTimeout(timer);
      if (ended || document.hidden || source !== null) return;
      source = new EventSource(url);
      for (const name of all.split(" "))
        source.addEventListener(name, (event) => {
          last = (event as MessageEvent<string>).lastEventId || last;
          hear.current(name, JSON.parse((event as MessageEvent<string>).data), last);
        });
      source.onerror = () => {
        // the browser tries again by itself after a break, but not after an answer such as a proxy's 502
        if (source?.readyState !== EventSource.CLOSED) return;
        close();
        timer = setTimeout(open, AGAIN_MS);
      };
    };
    const close = () => {
      source?.close();
      source = null;
    };
    const seen = () => (document.hidden ? close() : open());
    open();
    document.addEventListener("visibilitychange", seen);
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      close();
    };
  }, [url, all]);
}

/** Reads again what changed in the project, as it changes. */
export function useProjectChanges(project: string | undefined) {
  const queries = useQueryClient();
  useEvents(project === undefined ? null : `/api/v1/events?project=${encodeURIComponent(project)}`, ["changed"], (_, data) => {
    const part: Part = (data as Schemas["Changed"]).what;
    void queries.invalidateQueries({ queryKey: ["project", project, part] });
    // a new result may wait at a gate; a gate or a job changes where the lifecycle stands
    if (part === "runs") void queries.invalidateQueries({ queryKey: ["project", project, "gates"] });
    else void queries.invalidateQueries({ queryKey: ["project", project, "runs", "lifecycle"] });
  });
}

export const ENDED: readonly Schemas["JobStatus"][] = ["SUCCEEDED", "FAILED", "CANCELLED"];

/** Keeps the job's query up to date until it has ended. */
export function useJobEvents(project: string, job: Schemas["Job"] | undefined) {
  const queries = useQueryClient();
  const open = job !== undefined && !ENDED.includes(job.status);
  useEvents(open ? `/api/v1/jobs/${encodeURIComponent(job.job_id)}/events` : null, ["job"], (_, data) => {
    const told = data as Schemas["Job"];
    if (told.progress.waiting_for && told.progress.waiting_for !== job?.progress.waiting_for) void queries.invalidateQueries({ queryKey: ["project", project, "gates"] });
    queries.setQueryData(jobQuery(project, told.job_id).queryKey, told);
    if (ENDED.includes(told.status)) void queries.invalidateQueries({ queryKey: ["project", project] });
  });
}
