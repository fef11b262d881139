"""Image answers: Nebula's and OpenAI's, as base64 or as links."""

import re
from collections.abc import Callable
from typing import Any

import pybase64

from runner.demo.acts import Answer, said
from runner.demo.painting import FORMATS, Picture
from runner.demo.reading import Body, Refused, choice, inputs, text, whole
from runner.demo.studio import Made, Order, Visit
from runner.demo.texts import nebula_stream

SIDE = 512
"""Pixels, where a request names no size."""
SMALLEST, LARGEST = 16, 2048
STEPS = 25
STEP_S = 0.04
"""What one denoising step is said to take."""
SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")
TEXT_MODEL = re.compile(
    r"llama|gpt-(?!image)|instruct|chat|qwen(?!-image)|mi[sx]tral|deepseek|gemma", re.IGNORECASE
)


def nebula(body: Body, visit: Visit) -> Made:
    """`POST /images/generation`: JSON images, or an event stream of text where the model writes."""
    model = text(body, "model_name" if "model_name" in body else "model")
    prompt = text(body, "prompt")
    if TEXT_MODEL.search(model):
        return nebula_stream(model, prompt, visit.epoch)
    inputs(body)
    steps = whole(body, "num_steps", STEPS, 1, 500)
    width = whole(body, "width", SIDE, SMALLEST, LARGEST)
    height = whole(body, "height", SIDE, SMALLEST, LARGEST)
    guidance = body.get("guidance_scale")
    note = f"{steps} steps" if guidance is None else f"{steps} steps · guidance {guidance}"
    drawn = pictures(body, visit, model=model, prompt=prompt, width=width, height=height, note=note)
    return Order(pictures=drawn, frame=nebula_frame(model, round(steps * STEP_S, 2)))


def nebula_frame(model: str, inference_s: float) -> Callable[[list[bytes]], Answer]:
    def frame(files: list[bytes]) -> Answer:
        data = [
            {"timings": {"inference": inference_s}, "index": index, "b64_json": encoded(file)}
            for index, file in enumerate(files)
        ]
        message = "Image generated successfully"
        return said({"model": model, "object": "list", "data": data, "message": message, "status": "success"})

    return frame


def openai(body: Body, visit: Visit) -> Made:
    """`POST /images/generations`: base64, or links where `response_format` asks for them."""
    prompt = text(body, "prompt")
    model = body.get("model") or "gpt-image-demo"
    inputs(body)
    width, height = size(body)
    drawn = pictures(body, visit, model=str(model), prompt=prompt, width=width, height=height)
    usage = tokens(prompt, len(drawn))
    if body.get("response_format") == "url":
        data = [{"url": url, "revised_prompt": revised(prompt)} for url in links(drawn, visit)]
        return said({"created": visit.epoch, "data": data, "usage": usage})

    def frame(files: list[bytes]) -> Answer:
        data = [{"b64_json": encoded(file), "revised_prompt": revised(prompt)} for file in files]
        return said({"created": visit.epoch, "data": data, "size": f"{width}x{height}", "usage": usage})

    return Order(pictures=drawn, frame=frame)


def pictures(
    body: Body, visit: Visit, *, model: str, prompt: str, width: int, height: int, note: str = ""
) -> tuple[Picture, ...]:
    """As many as `n` asks for; one seed gives one picture, none a new one each time."""
    seed = whole(body, "seed", -1, -1, 2**63 - 1)
    first = seed if seed >= 0 else visit.number << 4
    words = ([f"seed {seed}"] if seed >= 0 else []) + ([note] if note else [])
    form = choice(body, "output_format", FORMATS)
    return tuple(
        Picture(
            prompt=prompt,
            model=model,
            width=width,
            height=height,
            salt=first + index,
            note=" · ".join(words),
            format=form,
        )
        for index in range(whole(body, "n", 1, 1, 10))
    )


def size(body: Body) -> tuple[int, int]:
    """OpenAI's `size`: `1024x1024`, or `auto`."""
    wanted = body.get("size") or "auto"
    if wanted == "auto":
        return SIDE, SIDE
    found = SIZE.fullmatch(str(wanted))
    if found is None:
        raise Refused(400, "'size' must be written as 1024x1024", "invalid_value")
    sides = {"width": int(found[1]), "height": int(found[2])}
    return whole(sides, "width", SIDE, SMALLEST, LARGEST), whole(sides, "height", SIDE, SMALLEST, LARGEST)


def links(drawn: tuple[Picture, ...], visit: Visit) -> list[str]:
    """Puts the pictures on the shelf, where their links find them."""
    names = [f"{visit.number}-{index}.{picture.format}" for index, picture in enumerate(drawn)]
    return [
        f"{visit.url}/files/{visit.pictures.put(name, picture)}"
        for name, picture in zip(names, drawn, strict=True)
    ]


def tokens(prompt: str, count: int) -> dict[str, Any]:
    spent, made = len(prompt) // 4 + 1, 1000 * count
    return {
        "input_tokens": spent,
        "input_tokens_details": {"text_tokens": spent, "image_tokens": 0},
        "output_tokens": made,
        "total_tokens": spent + made,
    }


def revised(prompt: str) -> str:
    return f"{prompt}, as the demo paints it"


def encoded(file: bytes) -> str:
    return pybase64.b64encode_as_string(file)
