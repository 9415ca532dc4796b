/** A chat with one of the platform's agents: it is kept, so it can be left and taken up again, here or elsewhere. */
import { ActionIcon, Alert, Button, Group, Menu, Paper, ScrollArea, Stack, Text, Textarea, Title } from "@mantine/core";
import { IconArrowUp, IconHistory, IconMessagePlus, IconRobot } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { api, ApiProblem, newKey, read, type Schemas } from "@/api/client";
import { useEvents } from "@/api/live";
import { ago } from "@/words";

import { useWhyNot } from "./Permitted";
import { Prose } from "./ReportView";
import { ProblemAlert, Waiting } from "./states";

type Agent = Schemas["ChatItem"]["agent"];

export const CHAT_NAMES: Record<Agent, string> = {
  dataset_builder: "Dataset Builder",
  analyst: "Analyst",
  comparator: "Comparator",
  feedback_analyst: "Feedback Analyst",
};

export const chatKey = (chatId: string) => ["chat", chatId] as const;
const chatsKey = (project: string) => ["project", project, "chats"] as const;

/** One chat with all that was said; kept up to date by its events. Shared by the panel and, for drafts, by its page. */
export function useChat(chatId: string | null) {
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: chatKey(chatId ?? ""),
    queryFn: () => read(api.GET("/api/v1/chats/{chat_id}", { params: { path: { chat_id: chatId ?? "" } } })),
    enabled: chatId !== null,
  });
  return { query, refresh: () => queries.invalidateQueries({ queryKey: chatKey(chatId ?? "") }) };
}

/**
 * `subject`: what the chat is about. Chats about the same subject are taken up again from the menu. `chatId` and
 * `onChat` let the page keep the chat's id, in the address best; `suggestions` start an empty chat.
 */
export function ChatPanel({ project, agent, subject, chatId, onChat, suggestions = [], intro, height = "calc(100dvh - 235px)" }: {
  project: string;
  agent: Agent;
  subject: string;
  chatId: string | null;
  onChat: (chatId: string | null) => void;
  suggestions?: readonly string[];
  intro?: ReactNode;
  height?: string | number;
}) {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const name = CHAT_NAMES[agent];
  const why = useWhyNot(project, "run");
  const { query } = useChat(chatId);
  const kept = useQuery({
    queryKey: chatsKey(project),
    queryFn: () => read(api.GET("/api/v1/projects/{project}/chats", { params: { path: { project }, query: { limit: 100 } } })),
  });
  const own = (kept.data?.items ?? []).filter((item) => item.agent === agent && item.subject_id === subject);

  useEvents(chatId === null ? null : `/api/v1/chats/${chatId}/events`, ["step", "message"], (event, data) => {
    if (chatId === null) return;
    queries.setQueryData<Schemas["Chat"]>(chatKey(chatId), (chat) => chat && heard(chat, event, data));
    // drafts stand in the chat, not in its events
    void queries.invalidateQueries({ queryKey: chatKey(chatId) });
  });

  const say = useMutation({
    mutationFn: async ({ words, key }: { words: string; key: string }) => {
      let id = chatId;
      if (id === null) {
        const begun = await read(api.POST("/api/v1/projects/{project}/chats", { params: { path: { project } }, body: { agent, subject_id: subject } }));
        id = begun.chat.chat_id;
        queries.setQueryData(chatKey(id), begun);
        onChat(id);
        void queries.invalidateQueries({ queryKey: chatsKey(project) });
      }
      const { response } = await api.POST("/api/v1/chats/{chat_id}/messages", {
        params: { path: { chat_id: id }, header: { "Idempotency-Key": key } },
        body: { text: words },
        parseAs: "stream",
      });
      // the answer is followed by the chat's events, which survive a break
      await response.body?.cancel();
      await queries.invalidateQueries({ queryKey: chatKey(id) });
    },
    // what the server refused it refuses again
    retry: (failures, error) => failures < 3 && error instanceof ApiProblem && error.unreachable,
    onMutate: () => setText(""),
    onError: (_, { words }) => setText((now) => now || words),
  });

  const send = (words: string) => {
    if (words.trim() && !say.isPending && why === undefined) say.mutate({ words: words.trim(), key: newKey() });
  };
  const messages = query.data?.messages ?? [];
  const answering = messages.some((message) => message.state === "answering");
  const viewport = useEndInSight(`${messages.length} ${messages.at(-1)?.text.length ?? 0} ${messages.at(-1)?.steps.length ?? 0}`);

  return (
    <Paper withBorder component="section" aria-label={`Chat with the ${name}`} style={{ display: "flex", flexDirection: "column", height, minHeight: 380 }}>
      <Group justify="space-between" p="sm" pb="xs" wrap="nowrap">
        <Group gap="xs" wrap="nowrap">
          <IconRobot size={18} />
          <Title order={3}>{name}</Title>
        </Group>
        <Group gap={4}>
          {own.length > 0 && (
            <Menu position="bottom-end">
              <Menu.Target>
                <ActionIcon variant="subtle" color="gray" aria-label="Earlier chats">
                  <IconHistory size={18} />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>
                {own.map((item) => (
                  <Menu.Item key={item.chat_id} onClick={() => onChat(item.chat_id)} fw={item.chat_id === chatId ? 650 : undefined}>
                    {item.title || "Without a word yet"}
                    <Text size="xs" c="dimmed">
                      {item.by}, {ago(item.updated_at)}
                    </Text>
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
          )}
          {chatId !== null && (
            <ActionIcon variant="subtle" color="gray" aria-label="New chat" onClick={() => onChat(null)}>
              <IconMessagePlus size={18} />
            </ActionIcon>
          )}
        </Group>
      </Group>
      <ScrollArea viewportRef={viewport} style={{ flex: 1 }} px="sm" type="auto" viewportProps={{ tabIndex: 0, role: "log", "aria-label": `What was said to the ${name}` }}>
        <Stack gap="sm" pb="sm">
          {messages.length === 0 && (chatId === null || query.data !== undefined) && (
            <Stack gap="xs" py="md">
              <Text size="sm" c="dimmed" component="div">
                {intro ?? `Ask the ${name} anything about what is on this page.`}
              </Text>
              {suggestions.map((suggestion) => (
                <Button key={suggestion} disabled={why !== undefined} size="xs" variant="light" justify="flex-start" h="auto" py={6} styles={{ label: { whiteSpace: "normal", textAlign: "left", lineHeight: 1.4 } }} onClick={() => send(suggestion)}>
                  {suggestion}
                </Button>
              ))}
            </Stack>
          )}
          {chatId !== null && query.isPending && <Waiting what="the chat" />}
          {query.isError && <ProblemAlert error={query.error} again={() => void query.refetch()} />}
          {messages.map((message) => (
            <Message key={message.number} message={message} name={name} />
          ))}
          {say.isError && <ProblemAlert error={say.error} again={() => say.variables && say.mutate(say.variables)} />}
        </Stack>
      </ScrollArea>
      <form
        style={{ padding: "var(--mantine-spacing-sm)", paddingTop: 4 }}
        onSubmit={(event) => {
          event.preventDefault();
          send(text);
        }}
      >
        <Textarea
          aria-label={`Say something to the ${name}`}
          disabled={why !== undefined}
          description={why}
          placeholder={answering ? `The ${name} answers…` : "Enter sends, Shift+Enter makes a new line"}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            send(text);
          }}
          autosize
          minRows={2}
          maxRows={8}
          rightSection={
            <ActionIcon type="submit" aria-label="Send" disabled={!text.trim()} loading={say.isPending}>
              <IconArrowUp size={16} />
            </ActionIcon>
          }
        />
      </form>
    </Paper>
  );
}

/** The chat with one more thing heard: a step of an answer, or a message in a newer state. */
export function heard(chat: Schemas["Chat"], event: string, data: unknown): Schemas["Chat"] {
  if (event === "message") {
    const message = data as Schemas["ChatMessage"];
    const others = chat.messages.filter((other) => other.number !== message.number);
    return { ...chat, messages: [...others, message].sort((one, other) => one.number - other.number) };
  }
  const step = data as Schemas["ChatStep"];
  const last = chat.messages.at(-1);
  if (last?.state !== "answering") return chat;
  if (last.steps.some((known) => known.kind === step.kind && known.text === step.text)) return chat;
  return { ...chat, messages: [...chat.messages.slice(0, -1), { ...last, steps: [...last.steps, step] }] };
}

function Message({ message, name }: { message: Schemas["ChatMessage"]; name: string }) {
  const person = message.role === "person";
  return (
    <Paper p="xs" px="sm" bg={person ? "var(--mantine-primary-color-light)" : undefined} withBorder={!person} ml={person ? 40 : 0} mr={person ? 0 : 12}>
      <Text size="xs" c="dimmed" mb={2}>
        {person ? message.by : name} · {ago(message.at)}
      </Text>
      {message.steps.map((step, index) => (
        <Text key={index} size="xs" c={step.kind === "failed" ? "red" : "dimmed"} fs="italic">
          {step.text}
        </Text>
      ))}
      {message.state === "answering" && (
        <Text size="sm" c="dimmed" role="status">
          at work…
        </Text>
      )}
      {message.state === "failed" ? (
        <Alert color="red" variant="light" p="xs">
          {message.text}
        </Alert>
      ) : (
        <Prose text={message.text} size="sm" />
      )}
    </Paper>
  );
}

/** Scrolls to the end whenever `grown` changes; the page around it stays where it is. */
function useEndInSight(grown: string) {
  const viewport = useRef<HTMLDivElement>(null);
  useEffect(() => {
    viewport.current?.scrollTo({ top: viewport.current.scrollHeight });
  }, [grown]);
  return viewport;
}
