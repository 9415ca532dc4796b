import { PageHead } from "@/parts/PageHead";

export function Agents() {
  return <PageHead title="Agents" />;
}
