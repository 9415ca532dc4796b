import { Button, Center, Paper, Stack, Text, Title } from "@mantine/core";

/** Nobody is logged in, and authentication is on. */
export function LogIn({ login }: { login: boolean }) {
  const next = encodeURIComponent(window.location.pathname + window.location.search);
  return (
    <Center mih="100dvh" p="md" component="main">
      <Paper withBorder p="xl" w={400}>
        <Stack>
          <img src="/favicon.svg" alt="" width={40} height={40} />
          <Title order={1}>Assay</Title>
          {login ? (
            <>
              <Text size="sm" c="dimmed">
                Every decision is recorded under your name, so log in first.
              </Text>
              <Button component="a" href={`/api/v1/auth/login?next=${next}`}>
                Log in
              </Button>
            </>
          ) : (
            <Text size="sm">
              This server takes API tokens only. For people to log in here, set <code>ASSAY_OIDC_ISSUER</code> and <code>ASSAY_OIDC_CLIENT_ID</code> and start it again.
            </Text>
          )}
        </Stack>
      </Paper>
    </Center>
  );
}
