import { expect, it } from "vitest";

import { whenReachable } from "./reach";

/** Succeeds after so many failures. */
function failing(times: number) {
  let calls = 0;
  const load = () => (++calls > times ? Promise.resolve("view") : Promise.reject(new Error(`failure ${calls}`)));
  return { load, calls: () => calls };
}

/** Each answer once, then always the last. */
function answering(...answers: boolean[]) {
  return () => Promise.resolve(answers.length > 1 ? (answers.shift() ?? true) : (answers[0] ?? true));
}

it("loads at once where it can", async () => {
  const one = failing(0);
  expect(await whenReachable(one.load)()).toBe("view");
  expect(one.calls()).toBe(1);
});

it("waits for a server that is gone, then loads", async () => {
  const one = failing(1);
  let waits = 0;
  expect(await whenReachable(one.load, answering(false, false, true), () => Promise.resolve(waits++))()).toBe("view");
  expect(waits).toBe(2);
});

it("fails where the server answers and the file is not there", async () => {
  await expect(whenReachable(failing(9).load, answering(true))()).rejects.toThrow("failure 2");
});
