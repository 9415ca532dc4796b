import { PageHead } from "@/parts/PageHead";

export function Lifecycle() {
  return <PageHead title="Lifecycle" />;
}
