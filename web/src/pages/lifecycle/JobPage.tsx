import { PageHead } from "@/parts/PageHead";

export function JobPage() {
  return <PageHead title="JobPage" />;
}
