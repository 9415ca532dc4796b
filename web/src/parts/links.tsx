/** Links of the page that look like Mantine's; the router checks where they lead. */
import { ActionIcon, type ActionIconProps, Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import { type AnchorHTMLAttributes, forwardRef } from "react";

export const LinkTo = createLink(
  forwardRef<HTMLAnchorElement, AnchorProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof AnchorProps>>((props, ref) => <Anchor ref={ref} {...props} />),
);

export const ButtonTo = createLink(
  forwardRef<HTMLAnchorElement, ButtonProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps>>((props, ref) => <Button component="a" ref={ref} {...props} />),
);

export const IconTo = createLink(
  forwardRef<HTMLAnchorElement, ActionIconProps & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ActionIconProps>>((props, ref) => <ActionIcon component="a" ref={ref} {...props} />),
);
