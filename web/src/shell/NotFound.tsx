import { IconMapOff } from "@tabler/icons-react";

import { ButtonTo } from "@/parts/links";
import { Empty } from "@/parts/states";

export function NotFound() {
  return (
    <Empty icon={<IconMapOff />} title="There is no such page" action={<ButtonTo to="/">To the projects</ButtonTo>}>
      The address may be old, or cut off.
    </Empty>
  );
}
