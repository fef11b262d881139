import json
from datetime import date

import pytest

from runner.manifest import fingerprint, from_mapping, load
from runner.problems import ManifestError

HEAD = """\
name: bad
endpoints:
  images: {dialect: nebula-images, url: demo}
  chat: {dialect: openai-chat, url: demo}
  vectors: {dialect: openai-embeddings, url: demo}
  any: {dialect: json-http, url: demo, texts: out}
jobs:
"""


def manifest(tmp_path, job):
    path = tmp_path / "jobs.yaml"
    path.write_text(HEAD + job)
    return load(path, today=date(2026, 11, 23))


def problems(tmp_path, job):
    with pytest.raises(ManifestError) as refused:
        manifest(tmp_path, job)
    return [str(each).removeprefix(f"{tmp_path}/") for each in refused.value.problems]


IMAGES = "  - {endpoint: images, model: m, prompt: p, "
UNIQUE = "expect: {duplicate: false}}"
CHAT = "  - {endpoint: chat, model: m, prompt: p, "


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        (IMAGES + "expect: {pattern: a}}", "8:54: 'pattern' is of texts; this endpoint brings images"),
        (CHAT + "expect: {size: 1x1}}", "8:52: 'size' is of images; this endpoint brings texts"),
        (
            CHAT + "expect: {dimensions: 3}}",
            "8:52: 'dimensions' is of embeddings; this endpoint brings texts",
        ),
        (
            "  - {endpoint: any, expect: {flat: false}}",
            "8:30: 'flat' is of images; this endpoint brings texts",
        ),
        (
            "  - {endpoint: any, expect: {cut: false}}",
            "8:30: 'cut' cannot be told of texts that are found by 'texts': they name no reason",
        ),
        (CHAT + "expect: {}}", "8:43: 'expect' expects nothing: name what an answer has to be"),
        (CHAT + "expect: {retries: 2}}", "8:43: 'expect' expects nothing: name what an answer has to be"),
        (CHAT + "expect: {empty: true}}", "8:59: true expects nothing: write false, or leave it out"),
        (
            CHAT + "expect: {json: false}}",
            "8:58: false expects nothing: write true, a JSON Schema or its file, or leave it out",
        ),
        (CHAT + "expect: {patern: a}}", "8:52: unknown key 'patern' in 'expect'. Did you mean 'pattern'?"),
        (CHAT + "expect: {jsn: true}}", "8:52: unknown key 'jsn' in 'expect'. Did you mean 'json'?"),
        (
            CHAT + 'expect: {pattern: "(?=a)"}}',
            "8:61: not a regular expression that is matched in linear time (look-around, back-references",
        ),
        (
            CHAT + "expect: {json: {properties: {age: {type: intger}}}}}",
            '8:84: not a JSON Schema: "intger" is not valid under any of the schemas',
        ),
        (CHAT + "expect: {json: none.json}}", "8:52: none.json: cannot be read: No such file or directory"),
        (CHAT + "expect: {json: jobs.yaml}}", "8:52: jobs.yaml: not JSON: invalid literal"),
        (
            CHAT + "expect: {json: {$ref: 'http://127.0.0.1:1/s.json'}}}",
            "8:52: not a JSON Schema: Resource 'http://127.0.0.1:1/s.json' is not present in a registry",
        ),
        (
            IMAGES + "expect: {size: asked}}",
            "8:54: no request of this job asks for a size: give 'width' and 'height', or 'size'",
        ),
        (
            IMAGES + "expect: {size: 12}}",
            "8:60: text expected, not the number 12: put it in quotes",
        ),
        (
            IMAGES + "expect: {size: 0x12}}",
            "8:60: '0x12' may be read as a hexadecimal or binary number",
        ),
        (
            IMAGES + "expect: {size: huge}}",
            "8:60: a size is written as 1024x768; or it is asked: what the request asks for",
        ),
        (
            IMAGES + "params: {seed: 7}, samples: 2, expect: {duplicate: false}}",
            "8:64: samples of one seed are one picture: leave 'seed' out, or list seeds in 'matrix'",
        ),
        (
            "  - {endpoint: images, model: m, prompts: [{prompt: p, params: {seed: 7}}], samples: 2, "
            + UNIQUE,
            "8:77: samples of one seed are one picture",
        ),
        (
            IMAGES + "matrix: {seed: [1, 2]}, samples: 2, expect: {duplicate: false}}",
            "8:69: samples of one seed are one picture",
        ),
    ],
)
def test_what_no_answer_could_be_is_refused_with_its_place(tmp_path, job, problem):
    found = problems(tmp_path, job)
    assert len(found) == 1
    assert found[0].startswith(f"jobs.yaml:{problem}")


@pytest.mark.parametrize(
    "job",
    [
        "params: {seed: -1}, samples: 2, expect: {duplicate: false}}",
        "params: {seed: null}, samples: 2, expect: {duplicate: false}}",
        "matrix: {seed: [1, 2]}, expect: {duplicate: false}}",
        "params: {size: 64x64}, expect: {size: asked}}",
        "matrix: {include: [{width: 64}]}, expect: {size: asked}}",
    ],
)
def test_what_an_answer_could_be_is_let_through(tmp_path, job):
    assert len(manifest(tmp_path, IMAGES + job).settings.expect) == 1


def test_a_schema_may_stand_in_a_file_beside_the_manifest(tmp_path):
    (tmp_path / "age.json").write_text(json.dumps({"type": "integer"}))
    written = manifest(tmp_path, CHAT + "expect: {json: age.json}}")
    [expected] = written.settings.expect.values()
    assert expected.document == {"type": "integer"}
    (tmp_path / "age.json").write_text(json.dumps({"type": "string"}))
    assert fingerprint(manifest(tmp_path, CHAT + "expect: {json: age.json}}")) != fingerprint(written)


def test_jobs_made_in_a_program_expect_the_same(tmp_path):
    mapping = {
        "name": "x",
        "endpoints": {"chat": {"dialect": "openai-chat", "url": "demo"}},
        "jobs": [{"model": "m", "prompt": "p", "expect": {"json": {"type": "integer"}, "retries": 0}}],
    }
    [expected] = from_mapping(mapping, folder=tmp_path, today=date(2026, 11, 23)).settings.expect.values()
    assert (expected.document, expected.retries) == ({"type": "integer"}, 0)
