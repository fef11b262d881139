"""Images in base64, and images by links that are followed for nothing once their answer is kept."""

import orjson
import pytest
from canned import FOX, JSON, OWL, base64, body, calls, file, ok, output, talk, tickets

from runner.outcome import Fault, Output, Then
from runner.wire import Call, Reply, Ticket

LINKS = {
    "created": 7,
    "data": [
        {"url": "https://files.example.com/1.png?sig=a", "revised_prompt": "a red fox"},
        {"url": "/files/2.png"},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 5},
}


def asked(**params):
    return body("openai-images", prompt="a fox", params=params)


def test_the_request():
    (call,) = calls(talk("openai-images", asked(size="1024x1024"), ok({"data": [{"b64_json": base64(FOX)}]})))
    assert (call.method, call.path, call.paid) == ("POST", "/images/generations", True)
    assert orjson.loads(call.body) == {"model": "m", "prompt": "a fox", "size": "1024x1024"}


def test_several_images_in_base64_need_one_call():
    steps = talk(
        "openai-images", asked(n=2), ok({"data": [{"b64_json": base64(FOX)}, {"b64_json": base64(OWL)}]})
    )
    assert [type(step) for step in steps] == [Call, Output]
    assert [(image.index, image.data) for image in steps[-1].artifacts] == [(0, FOX), (1, OWL)]


def test_n9_two_of_four_images():
    places = [{"b64_json": base64(FOX)}, {"b64_json": base64(OWL)}]
    assert output("openai-images", asked(n=4), ok({"data": places})).message == "2 of 4 images"


def test_n11_the_answer_is_committed_before_its_links_are_followed():
    steps = talk("openai-images", asked(n=2), ok(LINKS), file(FOX), file(OWL))
    assert [type(step) for step in steps] == [Call, Ticket, Call, Call, Output]
    _, ticket, first, second, found = steps
    assert orjson.loads(ticket.data) == LINKS
    assert (first.method, first.path) == ("GET", "https://files.example.com/1.png?sig=a")
    assert second.path == "https://api.example.com/files/2.png"
    for download in (first, second):
        assert (download.paid, download.download, download.body, download.headers) == (False, True, None, {})
    assert [(image.data, image.revised_prompt) for image in found.artifacts] == [
        (FOX, "a red fox"),
        (OWL, None),
    ]
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 5)


def test_n11_a_ticket_goes_on_with_the_downloads_and_pays_nothing():
    steps = talk("openai-images", asked(n=2), file(FOX), file(OWL), ticket=orjson.dumps(LINKS))
    assert [type(step) for step in steps] == [Call, Call, Output]
    assert not any(call.paid for call in calls(steps))
    assert tickets(steps) == []
    assert [image.data for image in steps[-1].artifacts] == [FOX, OWL]


def test_n11_an_answer_with_both_is_whole_from_its_ticket():
    mixed = orjson.dumps({"data": [{"b64_json": base64(FOX)}, {"url": "https://files.example.com/2.png"}]})
    (ticket,) = tickets(talk("openai-images", asked(n=2), ok(mixed), file(OWL)))
    assert base64(FOX).encode() not in ticket.body
    again = output("openai-images", asked(n=2), file(OWL), ticket=ticket.data)
    assert [image.data for image in again.artifacts] == [FOX, OWL]


def test_n11_a_link_to_nothing_is_a_free_fault():
    with pytest.raises(Fault) as caught:
        talk("openai-images", asked(), Reply(status=200, headers={}, body=b""), ticket=orjson.dumps(LINKS))
    assert (caught.value.then, caught.value.billed, caught.value.useless) == (Then.RETRY, False, True)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/a.png", "javascript:alert(1)"])
def test_x4_a_link_that_is_no_web_address_is_not_followed(url):
    with pytest.raises(Fault) as caught:
        talk("openai-images", asked(), ok({"data": [{"url": url}]}))
    assert (caught.value.then, caught.value.message) == (Then.FAIL, f"not a web address: {url}")


def test_a_data_uri_needs_no_download():
    steps = talk(
        "openai-images", asked(), ok({"data": [{"url": "data:image/png;base64," + base64(FOX)}]}, JSON)
    )
    assert [type(step) for step in steps] == [Call, Output]
    assert steps[-1].artifacts[0].data == FOX


@pytest.mark.parametrize(
    ("status", "ticket", "then", "message"),
    [
        (500, None, Then.RETRY, "HTTP 500 Internal Server Error"),
        (401, None, Then.STOP, "HTTP 401 Unauthorized"),
        (429, None, Then.WAIT, "HTTP 429 Too Many Requests"),
        (302, None, Then.FAIL, "HTTP 302 Found"),
        (403, orjson.dumps(LINKS), Then.FAIL, "image link expired: HTTP 403"),
        (500, orjson.dumps(LINKS), Then.RETRY, "HTTP 500 Internal Server Error"),
    ],
)
def test_n11_n13_an_error_never_passes_for_an_answer(status, ticket, then, message):
    with pytest.raises(Fault) as caught:
        talk("openai-images", asked(), Reply(status=status, headers={}, body=b"{}"), ticket=ticket)
    assert (caught.value.then, caught.value.message, caught.value.billed) == (then, message, False)
