import { PageHead } from "@/parts/PageHead";

export function Deploy() {
  return <PageHead title="Deploy" />;
}
