"""datatrove's inference runner with its checkpoints, by the connections that it makes to a local endpoint."""

from collections.abc import Awaitable, Callable, Iterator

from asked import CONCURRENCY, FOLDER, URL, messages, prompts
from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceResult, InferenceRunner
from datatrove.pipeline.writers import JsonlWriter

Generate = Callable[[dict[str, object]], Awaitable[InferenceResult]]


async def rollout(document: Document, generate: Generate) -> InferenceResult:
    return await generate({"messages": messages(document.text)})


def documents() -> Iterator[Document]:
    for number, text in enumerate(prompts()):
        yield Document(text=text, id=str(number))


InferenceRunner(
    rollout_fn=rollout,
    config=InferenceConfig(
        server_type="endpoint",
        model_name_or_path="bench",
        endpoint_url=URL.removesuffix("/v1"),
        max_concurrent_generations=CONCURRENCY,
    ),
    output_writer=JsonlWriter(
        str(FOLDER / "output"), output_filename="${rank}_${chunk_index}.jsonl", compression=None
    ),
    checkpoints_local_dir=str(FOLDER / "checkpoints"),
).run(documents())
