/** A button that starts a job and then shows how it goes, in place. */
import { type ButtonProps, Modal, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";

import type { Schemas } from "@/api/client";
import { ENDED, useJobEvents } from "@/api/live";
import { jobQuery } from "@/api/queries";
import { resultPlace } from "@/places";

import { type JobTitles, titleOf } from "./jobs";
import { JobWatch } from "./JobWatch";
import { ButtonTo } from "./links";
import { PermittedButton } from "./Permitted";
import { ProblemAlert } from "./states";

/**
 * `onDone` is called once when the job has succeeded, even if its dialog was closed meanwhile. With `remember`, a key
 * of the browser's storage, also after a reload.
 */
export function JobButton({ project, start, children, titles, onDone, remember, ...rest }: {
  project: string;
  start: () => Promise<Schemas["Job"]>;
  children: ReactNode;
  titles: JobTitles;
  onDone?: (job: Schemas["Job"]) => void;
  remember?: string;
} & ButtonProps) {
  const [jobId, setJobId] = useState(() => (remember ? localStorage.getItem(remember) : null));
  const [opened, setOpened] = useState(false);
  const job = useQuery({ ...jobQuery(project, jobId ?? ""), enabled: jobId !== null }).data;
  // an open dialog follows the job itself
  useJobEvents(project, opened ? undefined : job);
  const asked = useMutation({
    mutationFn: start,
    onMutate: () => setJobId(null),
    onSuccess: (taken) => {
      if (remember) localStorage.setItem(remember, taken.job_id);
      setJobId(taken.job_id);
      setOpened(true);
    },
    onError: () => setOpened(true),
  });
  const told = useRef<string | null>(null);
  useEffect(() => {
    if (job === undefined || !ENDED.includes(job.status) || told.current === job.job_id) return;
    told.current = job.job_id;
    if (remember) localStorage.removeItem(remember);
    if (job.status === "SUCCEEDED") onDone?.(job);
  }, [job]);
  const subject = typeof job?.result?.subject_id === "string" ? job.result.subject_id : "";
  const place = job && subject ? resultPlace(project, job.kind, subject) : null;
  return (
    <>
      <PermittedButton project={project} {...rest} loading={asked.isPending} onClick={() => asked.mutate()}>
        {children}
      </PermittedButton>
      <Modal opened={opened} onClose={() => setOpened(false)} title={titleOf(titles, job, asked.isError)}>
        {asked.isError && <ProblemAlert error={asked.error} />}
        {jobId !== null && (
          <Stack align="flex-start">
            <div style={{ width: "100%" }}>
              <JobWatch project={project} jobId={jobId} />
            </div>
            {job?.status === "SUCCEEDED" && place && <ButtonTo {...place}>Open the result</ButtonTo>}
          </Stack>
        )}
      </Modal>
    </>
  );
}
