"""The openai SDK behind a semaphore, its answers kept in a list: nothing outlives the process."""

import asyncio

from asked import CONCURRENCY, JOBS, KEY, URL, messages, prompts
from openai import AsyncOpenAI


async def main() -> None:
    slots = asyncio.Semaphore(CONCURRENCY)
    async with AsyncOpenAI(base_url=URL, api_key=KEY) as client:

        async def ask(text: str) -> str | None:
            async with slots:
                answer = await client.chat.completions.create(model="bench", messages=messages(text))
                return answer.choices[0].message.content

        answers = await asyncio.gather(*map(ask, prompts()))
    assert sum(map(bool, answers)) == JOBS


asyncio.run(main())
