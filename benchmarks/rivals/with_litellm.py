"""litellm behind a semaphore, its answers kept in a list: nothing outlives the process."""

import asyncio
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from asked import CONCURRENCY, JOBS, KEY, URL, messages, prompts


async def main() -> None:
    slots = asyncio.Semaphore(CONCURRENCY)

    async def ask(text: str) -> str | None:
        async with slots:
            answer = await litellm.acompletion(
                model="openai/bench", messages=messages(text), api_base=URL, api_key=KEY
            )
            return answer.choices[0].message.content

    answers = await asyncio.gather(*map(ask, prompts()))
    assert sum(map(bool, answers)) == JOBS


asyncio.run(main())
