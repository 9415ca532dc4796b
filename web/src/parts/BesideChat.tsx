import { Box } from "@mantine/core";
import type { ReactNode } from "react";

import classes from "./BesideChat.module.css";

/** A view with a chat beside it, which stays in sight; on a small screen the chat stands below. */
export function BesideChat({ chat, children }: { chat: ReactNode; children: ReactNode }) {
  return (
    <Box className={classes.both}>
      <Box className={classes.view}>{children}</Box>
      <Box className={classes.chat} component="aside">
        {chat}
      </Box>
    </Box>
  );
}
