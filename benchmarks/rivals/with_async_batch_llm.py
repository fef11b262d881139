"""async-batch-llm over aiohttp, with its SQLite checkpoints, synced at each commit."""

import asyncio

import aiohttp
from asked import CONCURRENCY, FOLDER, HEADERS, JOBS, URL, body, prompts
from async_batch_llm import (
    ArtifactIdentity,
    CallableStrategy,
    CallOutcome,
    ProcessorConfig,
    ResumePolicy,
    SqliteArtifactStore,
    SqliteDurability,
    process_stream,
)

IDENTITY = ArtifactIdentity(provider="bench", model="bench")


async def main() -> None:
    store = SqliteArtifactStore(
        FOLDER / "checkpoints.db", identity=IDENTITY, durability=SqliteDurability.FULL
    )
    config = ProcessorConfig(concurrency=CONCURRENCY, max_queue_size=1024, max_result_queue_size=1024)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=HEADERS) as session:

        async def invoke(prompt: str, **_: object) -> CallOutcome[str]:
            async with session.post(f"{URL}/chat/completions", json=body(prompt)) as response:
                answer = await response.json()
            usage = answer["usage"]
            return CallOutcome(answer["choices"][0]["message"]["content"], token_usage=usage)

        results = process_stream(
            CallableStrategy(invoke, identity=IDENTITY),
            prompts(),
            config=config,
            artifact_store=store,
            resume=ResumePolicy.REUSE_SUCCESSES,
        )
        done = 0
        async for result in results:
            done += result.success
    assert done == JOBS, done


asyncio.run(main())
