"""Text answers in the shapes of other APIs: completions, responses, messages, moderations."""

from typing import Any

from runner.demo.acts import said
from runner.demo.reading import Body, Refused, text, whole
from runner.demo.studio import Made, Visit
from runner.demo.texts import counted, digest, question, written

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def completions(body: Body, visit: Visit) -> Made:
    """`POST /completions`: `n` texts for each prompt."""
    model, prompts, count = text(body, "model"), listed(body, "prompt"), whole(body, "n", 1, 1, 16)
    texts = [written(prompt, index) for prompt in prompts for index in range(count)]
    choices = [
        {"index": index, "text": each, "finish_reason": "stop", "logprobs": None}
        for index, each in enumerate(texts)
    ]
    head = {"id": f"cmpl-demo-{visit.number}", "object": "text_completion", "created": visit.epoch}
    usage = counted("".join(prompts), "".join(texts))
    return said({**head, "model": model, "choices": choices, "usage": usage})


def responses(body: Body, visit: Visit) -> Made:
    """`POST /responses`: one message, or a call of the first tool where the request insists on one."""
    model, asked = text(body, "model"), last(body.get("input"))
    answered = written(asked)
    usage = counted(asked, answered)
    spent, made = usage["prompt_tokens"], usage["completion_tokens"]
    return said(
        {
            "id": f"resp_demo_{visit.number}",
            "object": "response",
            "created_at": visit.epoch,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "model": model,
            "output": [called(body) or message(answered, visit)],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": spent,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": made,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": spent + made,
            },
        }
    )


def message(words: str, visit: Visit) -> dict[str, Any]:
    content = [{"type": "output_text", "text": words, "annotations": []}]
    head = {"type": "message", "id": f"msg_demo_{visit.number}", "status": "completed", "role": "assistant"}
    return {**head, "content": content}


def called(body: Body) -> dict[str, Any] | None:
    tools = body.get("tools")
    if not tools or body.get("tool_choice") in {None, "auto", "none"}:
        return None
    head = {"type": "function_call", "id": "fc_demo", "call_id": "call_demo", "status": "completed"}
    return {**head, "name": tools[0]["name"], "arguments": "{}"}


def messages(body: Body, visit: Visit) -> Made:
    """`POST /messages`, as Anthropic's API answers."""
    model, most = text(body, "model"), whole(body, "max_tokens", 0, 1, 10**6)
    if not most:
        raise Refused(400, "max_tokens: Field required", "invalid_request_error")
    asked = question(body)
    words = written(asked).split(" ")
    answered = " ".join(words[:most])
    usage = counted(asked, answered)
    return said(
        {
            "id": f"msg_demo_{visit.number}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": answered}],
            "stop_reason": "max_tokens" if most < len(words) else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]},
        }
    )


def moderations(body: Body, visit: Visit) -> Made:
    """`POST /moderations`: nothing is ever flagged."""
    results = [verdict(each) for each in listed(body, "input")]
    model = str(body.get("model") or "demo-moderation")
    return said({"id": f"modr-demo-{visit.number}", "model": model, "results": results})


def verdict(words: str) -> dict[str, Any]:
    score = digest(words)[0] / 100_000
    return {
        "flagged": False,
        "categories": dict.fromkeys(CATEGORIES, False),
        "category_scores": dict.fromkeys(CATEGORIES, score),
        "category_applied_input_types": {category: ["text"] for category in CATEGORIES},
    }


def listed(body: Body, name: str) -> list[str]:
    """A text, or several."""
    value = body.get(name)
    if not value or not isinstance(value, str | list):
        raise Refused(400, f"'{name}' is required and must be a text or a list", "invalid_value")
    return [str(each) for each in value] if isinstance(value, list) else [value]


def last(given: object) -> str:
    """The words of what a response is asked for: a text, or the last message's."""
    if isinstance(given, str) and given:
        return given
    return question({"messages": given})
