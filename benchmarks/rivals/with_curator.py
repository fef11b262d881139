"""bespokelabs-curator, which keeps all that it did in its cache. Nothing of it needs the network:

its telemetry and its viewer are off, and it counts tokens by the table that litellm brings.
"""

import os
from importlib.util import find_spec
from pathlib import Path

os.environ["TELEMETRY_ENABLED"] = "false"
os.environ["CURATOR_DISABLE_RICH_DISPLAY"] = "1"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TIKTOKEN_CACHE_DIR"] = str(
    Path(find_spec("litellm").origin).parent / "litellm_core_utils" / "tokenizers"
)

from asked import CONCURRENCY, FOLDER, JOBS, KEY, URL, prompts
from bespokelabs import curator

PLENTY = 10**9
"""A minute: no limit is what is measured."""

llm = curator.LLM(
    model_name="bench",
    backend="openai",
    backend_params={
        "base_url": URL,
        "api_key": KEY,
        "max_requests_per_minute": PLENTY,
        "max_tokens_per_minute": PLENTY,
        "max_concurrent_requests": CONCURRENCY,
    },
)
response = llm(list(prompts()), working_dir=str(FOLDER / "cache"))
assert len(response.dataset) == JOBS
