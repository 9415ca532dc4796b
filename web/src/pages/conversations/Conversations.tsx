import { PageHead } from "@/parts/PageHead";

export function Conversations() {
  return <PageHead title="Conversations" />;
}
