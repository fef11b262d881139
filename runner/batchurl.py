"""The urls that requests of a batch file go to, and what they are at an endpoint."""

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
IMAGES = "/v1/images/generations"
MESSAGES = "/v1/messages"
MODERATIONS = "/v1/moderations"
RESPONSES = "/v1/responses"


def path_at(base: str, url: str) -> str:
    """The path after an endpoint's URL: one with a path of its own stands for `/v1`, a bare host does not.

    So `http://host/v1` and `http://host` are the same server, and `https://host/openai/v1` is what it says.
    """
    _, _, rest = base.partition("://")
    return url.removeprefix("/v1") if "/" in rest or not rest else url
