import { PageHead } from "@/parts/PageHead";

export function Dataset() {
  return <PageHead title="Dataset" />;
}
