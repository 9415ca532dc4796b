import { Button, Center, Paper, Stack, Text, Title } from "@mantine/core";

/** Nobody is logged in, and authentication is on. */
/** Logging in leads back to the page that is open. */
export function logInAddress(): string {
  return `/api/v1/auth/login?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
}

export function LogIn({ login }: { login: boolean }) {
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
              <Button component="a" href={logInAddress()}>
                Log in
              </Button>
            </>
          ) : (
            <Text size="sm">
              This server takes API tokens only. For people to log in here, set <code>ASSAY_OIDC_ISSUER</code> and <code>ASSAY_OIDC_CLIENT_ID</code> and restart it.
            </Text>
          )}
        </Stack>
      </Paper>
    </Center>
  );
}
