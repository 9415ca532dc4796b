import { PageHead } from "@/parts/PageHead";

export function Feedback() {
  return <PageHead title="Feedback" />;
}
