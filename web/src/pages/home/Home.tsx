import { PageHead } from "@/parts/PageHead";

export function Home() {
  return <PageHead title="Home" />;
}
