import { PageHead } from "@/parts/PageHead";

export function Analytics() {
  return <PageHead title="Analytics" />;
}
