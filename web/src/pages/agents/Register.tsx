/** Registers a version from its card, written or taken from a file. */
import { FileButton, Group, Modal, Stack, Switch, Textarea, TextInput, Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, newKey, read, type Schemas, withDefaults } from "@/api/client";
import { pluginsQuery } from "@/api/queries";
import { JobButton } from "@/parts/JobButton";
import { fromJson, isJson } from "@/parts/jsonl";
import { PermittedButton } from "@/parts/Permitted";
import { namesOf } from "@/plugins";

const EXAMPLE = `{
  "agent_id": "support",
  "version": "1",
  "description": "Answers questions about orders.",
  "connector": {"kind": "openai", "base_url": "http://localhost:8089/v1", "model": "support", "api_key_env": null},
  "topics": ["refunds", "delivery"]
}`;

export function Register({ project }: { project: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <PermittedButton project={project} onClick={open}>
        Register a version
      </PermittedButton>
      <Modal opened={opened} onClose={close} title="Register an agent version" size="lg">
        <Form project={project} />
      </Modal>
    </>
  );
}

function Form({ project }: { project: string }) {
  const [card, setCard] = useState("");
  const [dir, setDir] = useState("");
  const [probe, setProbe] = useState(true);
  const plugins = useQuery(pluginsQuery).data;
  const kinds = plugins ? namesOf(plugins, "assay.connectors") : [];
  return (
    <Stack>
      {/* nothing here may change on blur: a field that grows moves the button away from under the pointer */}
      <Textarea
        label="Card"
        description={`JSON: how the agent is reached, and what it is for.${kinds.length > 0 ? ` Kinds of connector here: ${kinds.join(", ")}.` : ""}`}
        placeholder={EXAMPLE}
        autosize
        minRows={9}
        maxRows={20}
        value={card}
        onChange={(event) => setCard(event.currentTarget.value)}
        error={card.trim() && !isJson(card) ? "Not valid JSON" : undefined}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: "var(--mantine-font-size-xs)" } }}
        spellCheck={false}
      />
      <Group>
        <FileButton accept=".json" onChange={(file) => file && void file.text().then(setCard)}>
          {(props) => (
            <Button {...props} size="xs" variant="default">
              Take it from a file
            </Button>
          )}
        </FileButton>
      </Group>
      <TextInput label="Folder on the server for files the card names" description="Only for cards that name files or Python code." value={dir} onChange={(event) => setDir(event.currentTarget.value.trim())} />
      <Switch label="Probe it: ask it a few things before any money is spent" checked={probe} onChange={(event) => setProbe(event.currentTarget.checked)} />
      <Group>
        <JobButton
          project={project}
          titles={{ running: "Registering the version", done: "The version is registered", failed: "The version was not registered" }}
          disabled={!card.trim()}
          start={async () =>
            read(
              api.POST("/api/v1/projects/{project}/agents", {
                params: { path: { project }, header: { "Idempotency-Key": newKey() } },
                body: withDefaults<Schemas["DevelopRequest"]>({ project, card: fromJson<Schemas["AgentCard"]>(card, "card"), card_dir: dir || ".", probe }),
              }),
            )
          }
        >
          Register
        </JobButton>
      </Group>
    </Stack>
  );
}
