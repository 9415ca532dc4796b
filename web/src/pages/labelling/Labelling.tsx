import { PageHead } from "@/parts/PageHead";

export function Labelling() {
  return <PageHead title="Labelling" />;
}
