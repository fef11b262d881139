import base64
import hashlib
from pathlib import Path

import orjson
import pytest

from runner.attachments import attach, holds_files
from runner.outcome import Cause, Fault, Then

PNG = b"\x89PNG\r\n\x1a\n and so on"
WEBP = b"RIFF\n\x00\x00\x00WEBPVP8 "


def stored(folder, name="cat.png", data=PNG):
    path = folder / name
    path.write_bytes(data)
    return {"file": str(path), "sha256": hashlib.sha256(data).hexdigest()}


def encoded(data=PNG):
    return base64.b64encode(data).decode()


def sent(tree):
    return orjson.loads(attach(orjson.dumps(tree)))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"prompt": "a  fox"}',
        orjson.dumps({"prompt": 'the words "sha256" and "file"'}),
        orjson.dumps({"prompt": '{"file": "a", "sha256": "b"}'}),
    ],
)
def test_a_body_without_files_is_sent_as_it_is(body):
    assert not holds_files(body)
    assert attach(body) is body


def test_a_file_is_sent_as_base64_wherever_it_stands(tmp_path):
    cat, mask = stored(tmp_path), stored(tmp_path, "mask.bin", b"\x00\xff")
    tree = {"image": cat, "more": [{"deep": [mask]}, cat], "seed": 7, "negative_prompt": None}
    assert sent(tree) == {
        "image": encoded(),
        "more": [{"deep": [encoded(b"\x00\xff")]}, encoded()],
        "seed": 7,
        "negative_prompt": None,
    }


def test_the_rest_of_a_body_stays_to_the_byte(tmp_path):
    tree = {"z": 1.0, "a": [1e-7, 12345678901234567], "image": stored(tmp_path), "ü": "é\u2028"}
    assert attach(orjson.dumps(tree)) == orjson.dumps({**tree, "image": encoded()})


@pytest.mark.parametrize(
    ("name", "data", "mime"),
    [
        ("cat.png", PNG, "image/png"),
        ("cat.jpg", PNG, "image/png"),
        ("cat", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("cat.dat", WEBP, "image/webp"),
        ("cat.dat", b"GIF89a", "image/gif"),
        ("notes.txt", b"hello", "text/plain"),
        ("unknown", b"RIFF\n\x00\x00\x00WAVE", "application/octet-stream"),
    ],
)
def test_under_a_url_a_file_is_a_data_uri_with_the_type_of_its_content(tmp_path, name, data, mime):
    file = stored(tmp_path, name, data)
    part = {"type": "image_url", "image_url": {"url": file, "detail": "low"}}
    assert sent({"messages": [part]}) == {
        "messages": [
            {
                "type": "image_url",
                "image_url": {"url": f"data:{mime};base64,{encoded(data)}", "detail": "low"},
            }
        ]
    }


def test_a_list_of_urls_holds_data_uris(tmp_path):
    assert sent({"url": [stored(tmp_path)]}) == {"url": [f"data:image/png;base64,{encoded()}"]}


@pytest.mark.parametrize(
    "tree",
    [
        {"file": "cat.png", "sha256": "0" * 64, "name": "cat"},
        {"sha256": "0" * 64},
        {"file": 1, "sha256": "0" * 64},
    ],
)
def test_what_only_resembles_a_file_is_sent_as_it_is(tree):
    assert sent({"input": tree}) == {"input": tree}


def change(path: Path):
    path.write_bytes(PNG + b"!")


def replace_by_a_folder(path: Path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (change, "cat.png has changed since it was submitted: submit the manifest again"),
        (Path.unlink, "cat.png: No such file or directory"),
        (replace_by_a_folder, "cat.png: Is a directory"),
    ],
)
def test_a_file_that_is_no_longer_what_was_submitted_is_not_sent(tmp_path, happens, words):
    file = stored(tmp_path)
    happens(tmp_path / "cat.png")
    with pytest.raises(Fault) as fault:
        attach(orjson.dumps({"image": file}))
    assert fault.value.message == f"{tmp_path}/{words}"
    assert (fault.value.cause, fault.value.then, fault.value.billed) == (Cause.INVALID, Then.FAIL, False)
