import { PageHead } from "@/parts/PageHead";

export function Runs() {
  return <PageHead title="Runs" />;
}
