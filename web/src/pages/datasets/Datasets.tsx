import { PageHead } from "@/parts/PageHead";

export function Datasets() {
  return <PageHead title="Datasets" />;
}
