/** Buttons that say which role they need instead of letting people fill in a form that the server refuses. */
import { Button, type ButtonProps, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ButtonHTMLAttributes, forwardRef, type MouseEvent } from "react";

import { meQuery } from "@/api/queries";
import { type Need, whyNot } from "@/roles";

import { ButtonTo } from "./links";

/** Why whoever is here may not do it; undefined: they may. */
export function useWhyNot(project: string, need: Need): string | undefined {
  return whyNot(useQuery(meQuery).data, project, need);
}

type Props = ButtonProps & Omit<ButtonHTMLAttributes<HTMLButtonElement>, keyof ButtonProps> & { project: string; need?: Need };

/** A button that stays focusable, with the reason, for people without the role. */
export const PermittedButton = forwardRef<HTMLButtonElement, Props>(function PermittedButton({ project, need = "run", onClick, ...rest }, ref) {
  const why = useWhyNot(project, need);
  if (why === undefined) return <Button ref={ref} {...rest} onClick={onClick} />;
  const refuse = (event: MouseEvent) => event.preventDefault();
  return (
    <Tooltip label={why} multiline maw={320}>
      <Button ref={ref} {...rest} disabled={false} data-disabled aria-disabled aria-description={why} onClick={refuse} />
    </Tooltip>
  );
});

/** Leads to the form that starts the lifecycle. */
export function StartButton({ project, ...rest }: { project: string } & ButtonProps) {
  const why = useWhyNot(project, "run");
  if (why !== undefined) return <PermittedButton project={project} {...rest}>Start the lifecycle</PermittedButton>;
  return (
    <ButtonTo to="/p/$project/start" params={{ project }} {...rest}>
      Start the lifecycle
    </ButtonTo>
  );
}
