/** The Dataset Builder: the chat about one agent version. */
import { Select, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { agentsQuery } from "@/api/queries";
import { ChatPanel } from "@/parts/ChatPanel";
import { LinkTo } from "@/parts/links";
import { agentName } from "@/words";

const SUGGESTIONS = ["What would you test in this agent?", "Draft 5 scenarios about returns", "Add two hard ones with an impatient customer"];

export function BuilderPanel({ project, agent, onAgent, chat, onChat }: { project: string; agent: string | undefined; onAgent: (agent: string) => void; chat: string | null; onChat: (chat: string | null) => void }) {
  const agents = useQuery(agentsQuery(project)).data?.items;
  if (agents === undefined) return null;
  const chosen = agent ?? agentName(agents[0]?.agent);
  if (agents.length === 0)
    return (
      <Text size="sm" c="dimmed">
        The Dataset Builder reads an agent's card: <LinkTo to="/p/$project/agents" params={{ project }}>register a version</LinkTo> to talk with it.
      </Text>
    );
  return (
    <Stack gap="xs">
      <Select aria-label="Agent version that is tested" size="xs" allowDeselect={false} data={agents.map((item) => agentName(item.agent))} value={chosen} onChange={(value) => value && onAgent(value)} />
      <ChatPanel project={project} agent="dataset_builder" subject={chosen} chatId={chat} onChat={onChat} suggestions={SUGGESTIONS} height="calc(100dvh - 200px)" intro="Say what should be tested. Drafts appear beside the chat as they are made; accept, change or discard each." />
    </Stack>
  );
}
