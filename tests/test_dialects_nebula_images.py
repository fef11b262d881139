"""The endpoint that this program was made for, to the letter of its page."""

import orjson
from canned import EVENTS, FOX, base64, body, calls, claim, endpoint, ok, output, talk

from runner.dialects.nebula_images import on_the_wire
from runner.wire import Call

PARAMS = {"num_steps": 25, "guidance_scale": 9, "width": 1024, "height": 1024, "negative_prompt": None}
PROMPT = "insert your prompt here"
MODEL = "stabilityai/stable-diffusion-xl-base-1.0"
PAGE = {"model_name": MODEL, "prompt": PROMPT, **PARAMS}
"""The request of the provider's page."""
ANSWER = {
    "model": MODEL,
    "object": "list",
    "data": [{"timings": {"inference": 13.36}, "index": 0, "b64_json": base64(FOX)}],
    "message": "Image generated successfully",
    "status": "success",
}


def asked(**more):
    return body("nebula-images", model=MODEL, prompt=PROMPT, params={**PARAMS, **more})


def test_the_request_of_the_page_goes_out_to_the_letter():
    (call,) = calls(talk("nebula-images", asked(), ok(ANSWER)))
    assert (call.method, call.path, call.paid, call.download) == ("POST", "/images/generation", True, False)
    assert orjson.loads(call.body) == PAGE
    assert call.headers == {}


def test_a_null_is_sent_as_null():
    (call,) = calls(talk("nebula-images", asked(), ok(ANSWER)))
    assert b'"negative_prompt":null' in call.body


def test_the_models_field_may_have_another_name():
    kept = orjson.dumps(asked())
    (call,) = calls(
        talk("nebula-images", kept, ok(ANSWER), at=endpoint("nebula-images", model_field="model"))
    )
    assert call.body is kept
    assert orjson.loads(kept)["model"] == MODEL


def test_the_body_that_makes_the_key_knows_no_field_name():
    named = endpoint("nebula-images", model_field="engine")
    assert body("nebula-images", at=named, prompt="a") == body("nebula-images", prompt="a")


def test_only_the_models_own_field_is_renamed():
    kept = orjson.dumps({"model": "m", "extra": {"model": "inner"}})
    assert orjson.loads(on_the_wire(kept, "model_name")) == {"model_name": "m", "extra": {"model": "inner"}}


def test_a_file_stays_a_placeholder_until_it_is_sent():
    placeholder = {"file": "/cat.png", "sha256": "00"}
    assert asked(image=placeholder)["image"] == placeholder


def test_json_images_are_read():
    found = output("nebula-images", asked(), ok(ANSWER))
    (image,) = found.artifacts
    assert (image.kind, image.index, image.data) == ("image", 0, FOX)
    assert (found.usage.inference_s, found.message) == (13.36, None)
    assert orjson.loads(found.body) == ANSWER | {
        "data": [{"timings": {"inference": 13.36}, "index": 0, "b64_json": "<image 1: 25 bytes>"}]
    }


def test_an_event_stream_of_text_is_read_at_the_same_url():
    events = b"".join(
        b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}) + b"\n\n"
        for word in ("It", " looks")
    )
    for headers in (EVENTS, {}, {"content-type": "application/json"}):
        found = output("nebula-images", asked(), ok(events + b"data: [DONE]\n\n", headers))
        (text,) = found.artifacts
        assert (text.kind, text.text) == ("text", "It looks")


def test_the_idempotency_key_is_the_jobs_own():
    at = endpoint("nebula-images", idempotency_header="Idempotency-Key")
    (call,) = calls(talk("nebula-images", asked(), ok(ANSWER), at=at))
    assert call.headers == {"Idempotency-Key": claim(b"{}").key}


def test_nothing_but_the_one_call_is_made():
    steps = talk("nebula-images", asked(), ok(ANSWER))
    assert [type(step) for step in steps[:-1]] == [Call]
