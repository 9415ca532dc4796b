import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { api, read } from "@/api/client";
import { count } from "@/words";

export function useAgreement(project: string, judging: string) {
  return useQuery({
    queryKey: ["project", project, "labels", judging, "agreement"],
    queryFn: () => read(api.GET("/api/v1/projects/{project}/labels/agreement", { params: { path: { project }, query: { judging } } })),
    refetchInterval: 15_000,
  }).data;
}

/** Whether the people who label agree; kept up to date. */
export function Agreement({ project, judging }: { project: string; judging: string }) {
  const found = useAgreement(project, judging);
  if (!found || found.rulings === 0) return null;
  const alpha = "reason" in found.alpha ? null : found.alpha;
  return (
    <Group gap="md" component="section" aria-label="Agreement" role="region">
      <Text size="sm">
        <b>{count(found.rulings)}</b> {found.rulings === 1 ? "ruling" : "rulings"} by {found.raters.join(", ")}
      </Text>
      {alpha && (
        <Text size="sm">
          Krippendorff's alpha <b>{alpha.value.toFixed(2)}</b> ({alpha.low.toFixed(2)} to {alpha.high.toFixed(2)}, n {count(alpha.n)})
        </Text>
      )}
      <Text size="sm" c="dimmed">
        {found.words}
      </Text>
    </Group>
  );
}
