import { PageHead } from "@/parts/PageHead";

export function Start() {
  return <PageHead title="Start" />;
}
