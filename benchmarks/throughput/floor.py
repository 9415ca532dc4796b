"""The same work with nothing around it: bare asyncio and aiohttp, nothing stored. What any tool is held against.

python benchmarks/throughput/floor.py BASE_URL --conversations 500 --turns 4 --in-flight 100
"""

import argparse
import asyncio

import aiohttp

SYSTEM = "You play a user who talks to a support agent. " * 30


async def work(base_url: str, conversations: int, turns: int, in_flight: int) -> None:
    left = iter(range(conversations))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers={"Authorization": "Bearer stub"}
    ) as session:

        async def call(messages: list[dict[str, str]]) -> str:
            async with session.post(
                f"{base_url}/chat/completions", json={"model": "stub", "messages": messages}
            ) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        async def worker() -> None:
            for _ in left:
                history = [{"role": "system", "content": SYSTEM}]
                for _ in range(turns):
                    history.append({"role": "user", "content": await call(history)})
                    history.append({"role": "assistant", "content": await call(history)})
                await call(history)

        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(worker())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("base_url")
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=100)
    asked = parser.parse_args()
    asyncio.run(work(asked.base_url, asked.conversations, asked.turns, asked.in_flight))


if __name__ == "__main__":
    main()
