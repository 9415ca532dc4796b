import { PageHead } from "@/parts/PageHead";

export function AgentsReport() {
  return <PageHead title="AgentsReport" />;
}
