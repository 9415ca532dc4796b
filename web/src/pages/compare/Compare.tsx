import { PageHead } from "@/parts/PageHead";

export function Compare() {
  return <PageHead title="Compare" />;
}
