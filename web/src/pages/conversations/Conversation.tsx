import { PageHead } from "@/parts/PageHead";

export function Conversation() {
  return <PageHead title="Conversation" />;
}
