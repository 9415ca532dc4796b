/** A button that starts a job and then shows how it goes, in place. */
import { Button, type ButtonProps, Modal } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import type { Schemas } from "@/api/client";

import { JobWatch } from "./JobWatch";
import { ProblemAlert } from "./states";

export function JobButton({ project, start, children, title, ...rest }: { project: string; start: () => Promise<Schemas["Job"]>; children: ReactNode; title: string } & ButtonProps) {
  const [jobId, setJobId] = useState<string | null>(null);
  const asked = useMutation({ mutationFn: start, onSuccess: (job) => setJobId(job.job_id) });
  const close = () => {
    setJobId(null);
    asked.reset();
  };
  return (
    <>
      <Button {...rest} loading={asked.isPending} onClick={() => asked.mutate()}>
        {children}
      </Button>
      <Modal opened={jobId !== null || asked.isError} onClose={close} title={title}>
        {asked.isError && <ProblemAlert error={asked.error} />}
        {jobId !== null && <JobWatch project={project} jobId={jobId} />}
      </Modal>
    </>
  );
}
