import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./app.css";

import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { ApiProblem } from "./api/client";
import { watchedCaches } from "./api/session";
import { makeRouter } from "./router";
import { colourScheme, theme } from "./theme";

const queries: QueryClient = new QueryClient({
  ...watchedCaches(() => queries),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // what the server refused it refuses again; a server that is gone comes back
      retry: (failures, error) => error instanceof ApiProblem && error.unreachable && failures < 60,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 4_000),
      networkMode: "always",
    },
    mutations: {
      networkMode: "always",
      retry: 0,
    },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root");
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} colorSchemeManager={colourScheme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" />
        <RouterProvider router={makeRouter(queries)} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
