"""The floor: bare aiohttp with orjson and uvloop, a pool of workers, nothing kept.

Run as `python -m benchmarks.floor URL REQUESTS CONCURRENCY`.
"""

import asyncio
import sys

import aiohttp
import orjson
import uvloop


async def main(url: str, requests: int, concurrency: int) -> None:
    prompts = iter(range(requests))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers={"Authorization": "Bearer bench"}
    ) as session:

        async def work() -> None:
            for number in prompts:
                body = {
                    "model": "bench",
                    "messages": [{"role": "user", "content": f"scene {number}: {'x' * 180}"}],
                }
                async with session.post(
                    url, data=orjson.dumps(body), headers={"Content-Type": "application/json"}
                ) as response:
                    answer = orjson.loads(await response.read())
                    assert answer["choices"][0]["message"]["content"]

        await asyncio.gather(*(work() for _ in range(concurrency)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
