import hashlib
import json
import shlex

import orjson
import pytest
from albums import Album, words
from rows import AT, job, kept, text

from runner import compose
from runner.compose.shaping import Wanted
from runner.exports import joblog, preference, talks
from runner.exports.condition import Condition
from runner.exports.refusal import Refusal
from runner.exports.sample import Sample
from runner.job import State
from runner.outcome import Cause


@pytest.fixture
def album(tmp_path):
    return Album(tmp_path)


def export(album, form, **wanted):
    return compose.export(album.db, album.name, Wanted(format=form, **wanted))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def sample(*outputs, body=None, group="a", **fields):
    request = orjson.dumps(body or {"prompt": "hi"})
    made = job(body=request, outputs=outputs, **fields)
    return Sample(batch="animals", job=made, sending=None, group=group, outputs=outputs)


def calls(**fields):
    return text('[{"id":"c"}]', kind="tool_calls", **fields)


@pytest.mark.parametrize(
    ("outputs", "choices"),
    [
        ([], []),
        ([kept()], []),
        ([text("a")], [["text"]]),
        ([text("a"), text("b", index=1)], [["text"], ["text"]]),
        ([text("a"), calls(index=1)], [["text", "tool_calls"]]),
        (
            [text("a", finish_reason="stop"), calls(index=1, finish_reason="tool_calls")],
            [["text"], ["tool_calls"]],
        ),
        ([calls(), calls(index=1)], [["tool_calls"], ["tool_calls"]]),
        ([text("a"), calls(index=1), text("b", index=2)], [["text", "tool_calls"], ["text"]]),
    ],
)
def test_the_parts_of_one_choice_belong_together(outputs, choices):
    found = [[each.kind for each in choice.outputs] for choice in talks.choices(sample(*outputs))]
    assert found == choices


ASKED = [{"role": "system", "content": "be short"}, {"role": "user", "content": "hi"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url"}, "odd"]}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": ASKED}, ASKED),
        ({"messages": ASKED[1:], "system": "be short"}, ASKED),
        ({"messages": ASKED[1:], "system": [{"type": "text"}]}, ASKED[1:]),
        ({"input": "whatever"}, [{"role": "user", "content": "a red fox"}]),
    ],
)
def test_what_was_said_before_an_answer(body, said):
    assert talks.before(sample(text("x"), body=body)) == said


def test_the_text_of_a_message_is_that_of_its_parts():
    assert [talks.words_of(each) for each in (*ASKED, *PARTS, {"content": None})] == [
        "be short",
        "hi",
        "look",
        "",
    ]


def test_chat_lines_hold_messages_and_nothing_else_and_their_provenance_stands_beside(album):
    tools = [{"type": "function", "function": {"name": "f"}}]
    album.add("plain", words("hello", finish_reason="stop"), body={"messages": ASKED})
    album.add("tool", words('[{"id":"c1"}]', kind="tool_calls"), body={"messages": ASKED, "tools": tools})
    album.add("picture", album.picture("a.png"))
    album.add("bad", state=State.FAILED, cause=Cause.BLOCKED)
    done = export(album.close(), "chat", target=album.folder / "out")
    assert lines(done.path / "data" / "train-00000-of-00001.jsonl") == [
        {"messages": [*ASKED, {"role": "assistant", "content": "hello"}]},
        {
            "messages": [*ASKED, {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]}],
            "tools": tools,
        },
    ]
    traces = lines(done.path / "provenance" / "train-00000-of-00001.jsonl")
    assert [(each["id"], each["key"]) for each in traces] == [(each.id, each.key) for each in album.jobs[:2]]
    assert json.loads(traces[0]["request"]) == {"messages": ASKED}
    assert "provenance/" in (done.path / "README.md").read_text()
    lone = export(album, "chat", target=album.folder / "out.jsonl").path
    assert lines(lone) == lines(done.path / "data" / "train-00000-of-00001.jsonl")


def test_a_file_that_a_request_carried_is_in_its_conversation(album):
    (album.folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    at = {"file": str(album.folder / "cat.png"), "sha256": ""}
    at["sha256"] = hashlib.sha256((album.folder / "cat.png").read_bytes()).hexdigest()
    said = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": at}}]}]
    album.add("look", words("a cat"), body={"messages": said})
    album.close()
    [line] = lines(export(album, "chat", target=album.folder / "out.jsonl").path)
    assert line["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    (album.folder / "cat.png").write_bytes(b"other")
    with pytest.raises(Refusal, match=r"look: .*cat.png has changed"):
        export(album, "chat", target=album.folder / "again.jsonl")


def test_completions_are_texts_after_all_that_was_said(album):
    album.add("one", words("hello"), words("hi", index=1), body={"messages": ASKED})
    done = export(album.close(), "completion", target=album.folder / "out.jsonl")
    assert lines(done.path) == [
        {"prompt": "be short\n\nhi", "completion": "hello"},
        {"prompt": "be short\n\nhi", "completion": "hi"},
    ]


def test_the_best_and_the_worst_answer_to_a_request_are_a_pair(album):
    for name, answer in (("a", "middling"), ("b", "the longest of all"), ("c", "short")):
        album.add(name, words(answer), body={"messages": ASKED})
    album.add("alone", words("x"), body={"prompt": "another"})
    album.add("same", words("one"), words("two", index=1), body={"prompt": "a third"})
    prefer = Condition("--prefer", "text | length")
    done = export(album.close(), "preference", target=album.folder / "out", prefer=prefer)
    assert done.splits == {"train": 1}
    [line] = lines(done.path / "data" / "train-00000-of-00001.jsonl")
    assert line == {
        "prompt": ASKED,
        "chosen": [{"role": "assistant", "content": "the longest of all"}],
        "rejected": [{"role": "assistant", "content": "short"}],
    }
    [trace] = lines(done.path / "provenance" / "train-00000-of-00001.jsonl")
    assert (trace["chosen"]["id"], trace["rejected"]["id"]) == ("b", "c")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "nothing says which of two answers is better"),
        ("prompt", "is no number, at fox"),
        ("none", "is no number"),
    ],
)
def test_what_ranks_no_answers_is_said(expression, words):
    prefer = Condition("--prefer", expression) if expression else None
    with pytest.raises(Refusal, match=words):
        list(preference.pairs([sample(text("a"))], prefer))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, ("nebula", f"{AT:.3f}", "0.500", "15", "1234", "0", "0", "runner show animals/fox")),
        ({"id": "a b\tc'd"}, (*("nebula", f"{AT:.3f}", "0.500", "15", "1234", "0", "0"), None)),
        (
            {"state": State.FAILED, "cause": Cause.BLOCKED, "served_by": None, "endpoint": "backup"},
            ("backup", f"{AT:.3f}", "0.500", "15", "1234", "1", "0", "runner show animals/fox"),
        ),
        (
            {"state": State.CANCELLED, "started_at": None, "latency_s": None},
            ("nebula", "0.000", "0.000", "15", "1234", "0", "0", "runner show animals/fox"),
        ),
    ],
)
def test_a_line_of_a_joblog(fields, told):
    line = joblog.line(7, sample(kept(), **fields))
    assert line.count("\n") == 1
    seq, *found = line.rstrip("\n").split("\t")
    assert seq == "7"
    if told[-1] is None:
        assert shlex.split(found[-1])[:2] == ["runner", "show"]
        told = (*told[:-1], found[-1])
    assert tuple(found) == told


def test_a_joblog_has_every_job_that_has_ended(album):
    album.add("fine", words("x"))
    album.add("bad", state=State.FAILED, cause=Cause.BLOCKED)
    done = export(album.close(), "joblog", target=album.folder / "jobs.log")
    head, *rest = [line.split("\t") for line in done.path.read_text().splitlines()]
    assert head == [
        "Seq",
        "Host",
        "Starttime",
        "JobRuntime",
        "Send",
        "Receive",
        "Exitval",
        "Signal",
        "Command",
    ]
    assert [(line[0], line[6], line[8]) for line in rest] == [
        ("1", "0", "runner show animals/fine"),
        ("2", "1", "runner show animals/bad"),
    ]


def test_the_files_of_a_batch_api(album):
    album.add("fine", words("x"))
    album.add("picture", album.picture("a.png"))
    album.add("bad", state=State.FAILED, cause=Cause.BLOCKED, message="no")
    done = export(album.close(), "openai-batch", target=album.folder / "out")
    found = {name: lines(done.path / f"{name}.jsonl") for name in ("output", "errors")}
    assert [line["custom_id"] for line in found["output"]] == ["fine", "picture"]
    assert found["output"][0]["response"] == {"status_code": 200, "request_id": "r-1", "body": {"data": []}}
    [error] = found["errors"]
    assert (error["custom_id"], error.keys()) == ("bad", {"id", "custom_id", "response", "error"})
    lone = export(album, "openai-batch", target=album.folder / "out.jsonl").path
    assert lines(lone) == found["output"] + found["errors"]
