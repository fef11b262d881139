"""What stands at which path, under `/`, `/v1` and `/api/v1` alike."""

from collections.abc import Callable, Mapping

from runner.demo import images, predictions, talks, texts
from runner.demo.acts import Answer, refused, said
from runner.demo.ledger import Seen
from runner.demo.painting import MIMES
from runner.demo.reading import Body, Refused, object_of
from runner.demo.studio import Made, Order, Visit

PREFIXES = ("/api/v1/", "/v1/", "/")
MODELS = ("stabilityai/stable-diffusion-xl-base-1.0", "meta-llama/Llama-3.1-8B-Instruct", "demo-embedding")
PAID: Mapping[str, Callable[[Body, Visit], Made]] = {
    "images/generation": images.nebula,
    "images/generations": images.openai,
    "chat/completions": texts.chat,
    "embeddings": texts.embeddings,
    "completions": talks.completions,
    "responses": talks.responses,
    "messages": talks.messages,
    "moderations": talks.moderations,
    "generate": predictions.generate,
    "predictions": predictions.submit,
}
OPEN = "files/"
"""What is fetched without a key."""


def place(path: str) -> str:
    """The path without query and prefix."""
    bare = path.partition("?")[0]
    return next((bare.removeprefix(prefix) for prefix in PREFIXES if bare.startswith(prefix)), bare)


def made(seen: Seen, visit: Visit) -> Made:
    """What the request gets, if it is honest and nothing comes between."""
    here = place(seen.path)
    if seen.method == "GET":
        return shown(here, visit)
    if here not in PAID:
        return refused(404, f"nothing is served at '{seen.path}'")
    if seen.method != "POST":
        return refused(405, f"{seen.method} is not allowed here")
    try:
        return PAID[here](object_of(seen.body), visit)
    except Refused as refusal:
        return refusal.answer


def shown(here: str, visit: Visit) -> Made:
    """What can be looked at for nothing."""
    folder, _, name = here.rpartition("/")
    match folder, name:
        case "", "models":
            listed = [{"id": model, "object": "model"} for model in visit.models or MODELS]
            return said({"object": "list", "data": listed})
        case "users", "credits":
            return said({"data": {"available_balance": f"{visit.balance:.2f}"}, "status": "success"})
        case "predictions", name:
            return predictions.poll(name, visit)
        case "files", name:
            return file(name, visit)
    return refused(405 if here in PAID else 404)


def file(name: str, visit: Visit) -> Made:
    picture = visit.pictures.find(name)
    if picture is None:
        return refused(404, "this link has expired", "not_found")
    kind = MIMES[picture.format]
    return Order(pictures=(picture,), frame=lambda files: Answer(body=files[0], type=kind))
