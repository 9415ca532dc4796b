import { PageHead } from "@/parts/PageHead";

export function Gates() {
  return <PageHead title="Gates" />;
}
