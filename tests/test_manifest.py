import re
from datetime import date

import pytest

from runner.manifest import fingerprint, from_mapping, json_schema, load
from runner.problems import ManifestError
from runner.settings import Settings, environment

TODAY = date(2026, 11, 23)
WHOLE = """\
name: animals                     # the batch; a template too: nightly-{{ date }}
endpoints:
  nebula:
    dialect: nebula-images
    url: https://api.nebulablock.com/api/v1/
    key: ${NEBULA_API_KEY}        # a reference to the environment, never the key
    model_field: model_name
    headers: {X-Team: ${TEAM}}
    idempotency_header: Idempotency-Key
    concurrency: 16
    limits: {requests_per_minute: 300, tokens_per_minute: 150000, requests_per_day: 1000}
    timeout: 120
    price: {image: 0.0038}
jobs:
  - endpoint: nebula
    model: stabilityai/stable-diffusion-xl-base-1.0
    prompt: "a {{ animal }}, {{ style }}"
    vars:
      animal: [red fox, barn owl]
      style: [watercolour, photograph]
    params: {num_steps: 25, guidance_scale: 9, width: 1024, height: 1024, negative_prompt: null}
    matrix:
      guidance_scale: [5, 9]
    samples: 2
  - model: stabilityai/stable-diffusion-xl-base-1.0
    prompts:
      - a lighthouse at dusk
      - {id: storm, prompt: a storm at sea, params: {width: 768}}
  - model: stabilityai/stable-diffusion-xl-base-1.0
    file: prompts.jsonl
    prompt: "{{ caption }}"
retry: {attempts: 5, maybe_billed: 2, first: 1, longest: 120, on_unknown: retry}
outputs: {dir: outputs}
"""
HEAD = """\
name: bad
endpoints:
  images: {dialect: nebula-images, url: demo}
jobs:
"""
TWO = """\
name: bad
endpoints:
  images: {dialect: nebula-images, url: demo}
  chat: {dialect: openai-chat, url: demo}
jobs:
"""


def read(folder, text, sets=None, environ=None):
    path = folder / "jobs.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, sets=sets or {}, today=TODAY, environ=environ)


def problems(folder, text, sets=None, environ=None):
    with pytest.raises(ManifestError) as caught:
        read(folder, text, sets, environ)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_whole_manifest_is_read(tmp_path):
    (tmp_path / "prompts.jsonl").write_text('{"caption": "a fox"}\n')
    manifest = read(tmp_path, WHOLE)
    nebula = manifest.endpoints["nebula"]
    assert manifest.name == "animals"
    assert manifest.folder == tmp_path
    assert manifest.text == WHOLE
    assert nebula.url == "https://api.nebulablock.com/api/v1"
    assert nebula.headers == {"X-Team": "${TEAM}"}
    assert nebula.limits.requests_per_day == 1000
    assert nebula.auth == "bearer"
    assert manifest.retry.attempts == 5
    assert environment(manifest.settings) == {"NEBULA_API_KEY", "TEAM"}


def test_settings_come_back_from_the_queue_as_they_were(tmp_path):
    (tmp_path / "prompts.jsonl").write_text('{"caption": "a fox"}\n')
    manifest = read(tmp_path, WHOLE.replace("limits: {req", "limits: nebula-expert-1 #{req"))
    kept = Settings.model_validate_json(manifest.settings.model_dump_json(exclude_unset=True))
    assert kept == manifest.settings
    assert kept == Settings.model_validate_json(manifest.settings.model_dump_json())
    assert kept.endpoints["nebula"].limits.requests_per_minute == 1500
    assert environment(kept) == {"NEBULA_API_KEY", "TEAM"}


def test_settings_hold_the_endpoints_that_jobs_use(tmp_path):
    manifest = read(tmp_path, TWO + "  - {endpoint: chat, model: m, prompt: x}")
    assert manifest.settings.endpoints.keys() == {"chat"}


def test_the_name_is_a_template(tmp_path):
    text = HEAD.replace("name: bad", 'name: "{{ kind }}-{{ date }}"') + "  - {model: m, prompt: x}"
    assert read(tmp_path, text, {"kind": "nightly"}).name == "nightly-2026-11-23"


PART = "  - {model: m, prompt: x}\n"
KINDS = (
    ".txt, .csv, .tsv, .jsonl, .ndjson, .json, .parquet, .arrow, .feather; "
    "all but the last three may be packed: .gz, .zst"
)
CASES = {
    "an unknown key": (
        HEAD + "  - model: m\n    prompt: x\n    sampels: 2\n",
        ["jobs.yaml:7:5: unknown key 'sampels' in a job. Did you mean 'samples'?"],
    ),
    "an unknown key of a prompt": (
        HEAD + "  - model: m\n    prompts:\n      - {prompt: x, parms: {}}\n",
        ["jobs.yaml:7:21: unknown key 'parms' in a prompt. Did you mean 'params'?"],
    ),
    "a parameter beside params": (
        HEAD + "  - {model: m, prompt: x, guidance_scale: 3}\n",
        ["jobs.yaml:5:27: unknown key 'guidance_scale' in a job; it belongs in 'params' of a job"],
    ),
    "a key of an endpoint at the top": (
        "concurrency: 3\n" + HEAD + PART,
        ["jobs.yaml:1:1: unknown key 'concurrency' in a manifest; it belongs in an endpoint"],
    ),
    "a key that is missing": (
        HEAD + "  - {prompt: x}\n",
        ["jobs.yaml:5:5: 'model' is missing in a job"],
    ),
    "no dialect": (
        HEAD.replace("dialect: nebula-images, ", "") + PART,
        ["jobs.yaml:3:11: 'dialect' is missing in an endpoint"],
    ),
    "a dialect misspelt": (
        HEAD.replace("nebula-images", "nebula-image") + PART,
        ["jobs.yaml:3:21: 'nebula-image' is not known here. Did you mean 'nebula-images'?"],
    ),
    "a wrong type": (
        HEAD + '  - {model: m, prompt: x, samples: "2"}\n',
        ["jobs.yaml:5:36: a whole number expected, not text"],
    ),
    "a number for a text": (
        HEAD + "  - {model: m, prompts: [a, 1984]}\n",
        ["jobs.yaml:5:29: text expected, not the number 1984: put it in quotes"],
    ),
    "a truth value for a number": (
        HEAD + "  - {model: m, prompt: x, samples: true}\n",
        ["jobs.yaml:5:36: a whole number expected, not true"],
    ),
    "a list for a mapping": (
        HEAD + "  - {model: m, prompt: x, params: [1]}\n",
        ["jobs.yaml:5:35: a mapping expected, not a list"],
    ),
    "too few": (
        HEAD + "  - {model: m, prompt: x, samples: 0}\n",
        ["jobs.yaml:5:36: 'samples' must be at least 1"],
    ),
    "no jobs": (HEAD + "  []\n", ["jobs.yaml:5:3: 'jobs' is empty"]),
    "nothing at all": ("- a\n", ["jobs.yaml:1:1: a mapping expected, not a list"]),
    "m2 a key twice": (
        HEAD + "  - model: m\n    prompt: x\n    model: n\n",
        ["jobs.yaml:7:5: the key 'model' stands here a second time, first in line 5"],
    ),
    "m2 an id twice": (
        HEAD + "  - model: m\n    prompts:\n      - {id: a, prompt: x}\n      - {id: a, prompt: y}\n",
        ["jobs.yaml:8:14: the id 'a' stands here a second time, first at {folder}/jobs.yaml:7:14"],
    ),
    "m3 no for a text": (
        HEAD + "  - {model: m, prompt: no}\n",
        ["jobs.yaml:5:24: 'no' may be read as true or false: put it in quotes, or write true or false"],
    ),
    "m3 a ratio": (
        HEAD + "  - {model: m, prompt: x, params: {aspect_ratio: 16:9}}\n",
        [
            (
                "jobs.yaml:5:50: '16:9' may be read as a number of base 60: put it in quotes, "
                "or write it in decimal"
            ),
        ],
    ),
    "m4 a variable that is not there": (
        HEAD + '  - model: m\n    prompt: "a {{ animl }}"\n    vars: {animal: [fox]}\n',
        [
            "jobs.yaml:6:13: the variable 'animl' is undefined. Did you mean 'animal'?",
            "jobs.yaml:7:12: no template uses the variable 'animal'. Did you mean 'animl'?",
        ],
    ),
    "m4 a file that is not there": (
        HEAD + "  - {model: m, file: none.txt}\n",
        ["jobs.yaml:5:22: none.txt: no such file"],
    ),
    "m4 a file of another kind": (
        HEAD + "  - {model: m, file: jobs.yaml}\n",
        [f"jobs.yaml:5:22: jobs.yaml: a file of prompts is one of {KINDS}"],
    ),
    "m4 an input that is not there": (
        HEAD + "  - {model: m, prompt: x, params: {image: {file: cat.png}}}\n",
        ["jobs.yaml:5:50: cat.png: No such file or directory"],
    ),
    "a template that is none": (
        HEAD + '  - {model: m, prompt: "a {{ x"}\n',
        ["jobs.yaml:5:24: not a template: unexpected end of template, expected 'end of print statement'."],
    ),
    "x6 a tag": (
        HEAD + "  - {model: m, prompt: !!python/name:os.system x}\n",
        ["jobs.yaml:5:24: a tag (!…) is not allowed: values are plain text and numbers"],
    ),
    "an endpoint that is not there": (
        TWO + "  - {endpoint: image, model: m, prompt: x}\n",
        ["jobs.yaml:6:16: there is no endpoint 'image'. Did you mean 'images'?"],
    ),
    "an endpoint that is left out": (
        TWO + PART,
        ["jobs.yaml:6:5: 'endpoint' is missing in a job; known: images, chat"],
    ),
    "an equivalent of another dialect": (
        TWO + "  - {endpoint: images, also: [chat], model: m, prompt: x}\n",
        ["jobs.yaml:6:31: 'chat' is no equivalent: it speaks openai-chat, not nebula-images"],
    ),
    "an equivalent that is there already": (
        HEAD + "  - {also: [images], model: m, prompt: x}\n",
        ["jobs.yaml:5:13: 'images' is one of the job's endpoints already"],
    ),
    "an equivalent with another body": (
        TWO.replace("openai-chat, url: demo", "json-http, url: demo").replace(
            "nebula-images, url: demo", "json-http, url: demo, body: {text: '{{ prompt }}'}"
        )
        + "  - {endpoint: images, also: [chat], prompt: x}\n",
        ["jobs.yaml:6:31: 'chat' is no equivalent: its 'body' is another"],
    ),
    "a key that another dialect knows": (
        HEAD.replace("url: demo", "url: demo, poll: {path: /x, until: done}") + PART,
        ["jobs.yaml:3:47: 'poll' is for json-http alone; this endpoint is nebula-images"],
    ),
    "an expression that cannot be read": (
        HEAD.replace("nebula-images, url: demo", 'json-http, url: demo, texts: "a["') + "  - {prompt: x}\n",
        ["jobs.yaml:3:50: not a JMESPath expression: Incomplete expression"],
    ),
    "two sources of prompts": (
        HEAD + "  - {model: m, prompt: x, prompts: [y]}\n",
        ["jobs.yaml:5:16: 'prompts' and 'prompt' cannot both be given"],
    ),
    "no source of prompts": (
        HEAD + "  - {model: m}\n",
        ["jobs.yaml:5:5: a job needs one of 'prompt', 'prompts', 'file' or, in a chat, 'messages'"],
    ),
    "messages for a picture": (
        HEAD + "  - {model: m, prompt: x, system: be kind}\n",
        ["jobs.yaml:5:27: 'system' is for chat; this endpoint is nebula-images"],
    ),
    "the model among the parameters": (
        HEAD + "  - {model: m, prompt: x, matrix: {model: [a, b]}}\n",
        ["jobs.yaml:5:36: 'model' is no parameter: it stands beside 'params'"],
    ),
    "a variable that no template uses": (
        HEAD + "  - {model: m, prompt: x, vars: {animal: [fox]}}\n",
        ["jobs.yaml:5:34: no template uses the variable 'animal'"],
    ),
    "a variable that no template can say": (
        HEAD + '  - {model: m, prompt: x, vars: {"an-imal": [fox]}}\n',
        ["jobs.yaml:5:34: no template can use a variable 'an-imal': a name is one word"],
    ),
    "a matrix that excludes what it has not": (
        HEAD + "  - {model: m, prompt: x, matrix: {steps: [1, 2], exclude: [{step: 1}]}}\n",
        ["jobs.yaml:5:62: no 'step' in the matrix. Did you mean 'steps'?"],
    ),
    "a matrix of nothing": (
        HEAD + "  - {model: m, prompt: x, matrix: {steps: [1], exclude: [{steps: 1}]}}\n",
        ["jobs.yaml:5:27: every combination is excluded"],
    ),
    "no values": (
        HEAD + '  - {model: m, prompt: "{{ a }}", vars: {a: []}}\n',
        ["jobs.yaml:5:45: 'a' is empty"],
    ),
    "a name that is no folder": (
        HEAD.replace("name: bad", "name: ../bad") + PART,
        ["jobs.yaml:1:7: '../bad' cannot be a folder's name; '_.._bad' could"],
    ),
    "a preset that is none": (
        HEAD.replace("url: demo", "url: demo, limits: nebula-expert-9") + PART,
        ["jobs.yaml:3:55: no such preset of limits. Did you mean 'nebula-expert-2'?"],
    ),
    "a url that is none": (
        HEAD.replace("url: demo", "url: api.example.com") + PART,
        ["jobs.yaml:3:41: a URL begins with http:// or https:// and ends with its path; or it is demo"],
    ),
    "a time that is none": (
        HEAD.replace("url: demo", 'url: demo, limits: {resets_at: "24:00"}') + PART,
        ['jobs.yaml:3:67: a time of day expected, such as "06:30"'],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_manifest_is_refused_with_place_and_remedy(tmp_path, case):
    text, said = CASES[case]
    assert problems(tmp_path, text) == [each.replace("{folder}/", "") for each in said]


def test_m3_m4_everything_wrong_is_listed_at_once(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"prompt": "x"}\nnot json\n')
    text = """\
name: bad-{{ dat }}
endpoints:
  images: {dialect: nebula-images, url: demo, concurency: 3}
  chat: {dialect: openai-chat, url: "ftp://x"}
jobs:
  - {endpoint: images, model: 012, prompt: x, sampels: 2}
  - {endpoint: images, model: m, prompt: "{{ animl }}", vars: {animal: [fox]}}
  - {endpoint: imags, model: m, prompt: x}
  - {endpoint: images, model: m, file: none.csv}
  - {endpoint: images, model: m, file: rows.jsonl}
  - {endpoint: chat, model: m, prompt: "a {{ x"}
retry: {attempts: many}
"""
    found = problems(tmp_path, text)
    places = [re.match(r"[\w.]+:\d+:\d+", each)[0] for each in found]
    assert places == [
        "jobs.yaml:1:7",
        "jobs.yaml:3:47",
        "jobs.yaml:4:37",
        "jobs.yaml:6:31",
        "jobs.yaml:6:47",
        "jobs.yaml:7:42",
        "jobs.yaml:7:64",
        "jobs.yaml:8:16",
        "jobs.yaml:9:40",
        "jobs.yaml:11:40",
        "jobs.yaml:12:19",
        "rows.jsonl:2:1",
    ]


def test_m4_variables_of_the_environment_are_checked_where_their_names_are_known(tmp_path):
    text = (
        HEAD.replace("url: demo", 'url: "http://${HOST}/v1", key: ${KEY}, headers: {X-Team: ${TEAM}}') + PART
    )
    assert environment(read(tmp_path, text).settings) == {"HOST", "KEY", "TEAM"}
    assert problems(tmp_path, text, environ={"HOST"}) == [
        "jobs.yaml:3:67: the variable ${KEY} of the environment is not set",
        "jobs.yaml:3:93: the variable ${TEAM} of the environment is not set",
    ]


def test_m4_a_column_that_is_not_there_is_found_in_the_header(tmp_path):
    (tmp_path / "rows.csv").write_text("id,caption\n1,a fox\n")
    assert problems(tmp_path, HEAD + "  - {model: m, file: rows.csv}\n") == [
        "rows.csv:1: no column 'prompt'; known: id, caption"
    ]
    text = HEAD + '  - {model: m, file: rows.csv, prompt: "{{ captoin }}"}\n'
    assert problems(tmp_path, text) == [
        "jobs.yaml:5:40: the variable 'captoin' is undefined. Did you mean 'caption'?"
    ]


def test_set_variables_must_be_used(tmp_path):
    text = HEAD + '  - {model: m, prompt: "{{ style }}"}\n'
    assert read(tmp_path, text, {"style": "oil"}).sets == {"style": "oil"}
    assert problems(tmp_path, text, {"style": "oil", "stile": "x"}) == [
        "--set stile: no template uses the variable 'stile'. Did you mean 'style'?"
    ]


def test_a_json_http_body_uses_variables_too(tmp_path):
    head = HEAD.replace(
        "nebula-images, url: demo", 'json-http, url: demo, body: {t: "{{ prompt }} {{ style }}"}'
    )
    assert read(tmp_path, head + "  - {prompt: x, vars: {style: [oil]}}\n")
    assert problems(tmp_path, head + "  - {prompt: x, vars: {stile: [oil]}}\n")


CANARY = "canary-9f8e7d6c5b4a39281706"


@pytest.mark.parametrize(
    "line",
    [
        f"key: {CANARY}",
        "key: 0123456789",
        f'key: "Bearer {CANARY}"',
        f'key: "${{KEY}}{CANARY}"',
        f"headers: {{Authorization: {CANARY}}}",
        f"headers: {{X-Api-Key: {CANARY}}}",
        f"headers: {{Cookie: {CANARY}}}",
        "headers: {X-Else: sk-canary-9f8e7d6c5b4a39281706}",
        f"url: https://user:{CANARY}@api.example.com/v1",
        f"url: https://api.example.com/v1?api_key={CANARY}",
        f"api_key: {CANARY}",
        f"dialect: {CANARY}",
        f"auth: {CANARY}",
        f"limits: {CANARY}",
        f"concurrency: {CANARY}",
        f"timeout: {CANARY}",
        f"downloads: [{CANARY}]",
        "idempotency_header: sk-canary-9f8e7d6c5b4a39281706",
    ],
)
def test_m8_x1_a_key_written_into_an_endpoint_is_refused_and_not_repeated(tmp_path, line):
    lines = {"dialect": "dialect: nebula-images", "url": "url: https://api.example.com/v1"}
    lines[line.split(":")[0]] = line
    endpoint = "".join(f"    {each}\n" for each in lines.values())
    found = problems(tmp_path, f"name: bad\nendpoints:\n  images:\n{endpoint}jobs:\n{PART}")
    assert found
    assert all(re.match(r"jobs.yaml:\d+:\d+: ", each) for each in found)
    assert CANARY not in "".join(found)
    assert "0123456789" not in "".join(found)


@pytest.mark.parametrize(
    "field",
    [
        "model: {}",
        "prompt: a {}",
        "id: {}",
        "prompts: [{}]",
        "file: {}.txt",
        "params: {{user: {}}}",
        "vars: {{a: {}}}",
        "matrix: {{a: [{}]}}",
        "endpoint: {}",
        "{}: x",
    ],
)
def test_m8_what_looks_like_a_key_is_refused_in_every_field(tmp_path, field):
    secret = "sk-live-9f8e7d6c5b4a39281706"
    found = problems(tmp_path, HEAD + f"  - model: m\n    prompt: x\n    {field.format(secret)}\n")
    assert any("looks like a key" in each or secret[-4:] in each for each in found)
    assert secret not in "".join(found)


def test_m8_a_parameter_named_like_a_key_is_refused(tmp_path):
    text = HEAD + "  - {model: m, prompt: x, params: {api_key: hunter2, max_tokens: 3, token_limit: abc}}\n"
    assert problems(tmp_path, text) == [
        "jobs.yaml:5:45: 'api_key' holds a key: it goes into the endpoint's key or headers"
    ]


def test_a_mapping_is_checked_like_a_file(tmp_path):
    mapping = {
        "name": "code",
        "endpoints": {"images": {"dialect": "nebula-images", "url": "demo"}},
        "jobs": [{"model": "m", "prompts": ["x", {"prompt": "y", "parms": {}}]}],
    }
    with pytest.raises(ManifestError) as caught:
        from_mapping(mapping, folder=tmp_path, today=TODAY)
    assert str(caught.value) == (
        "manifest.jobs[0].prompts[1].parms: unknown key 'parms' in a prompt. Did you mean 'params'?"
    )
    mapping["jobs"][0]["prompts"].pop()
    manifest = from_mapping(mapping, folder=tmp_path, today=TODAY)
    assert manifest.path is None
    assert manifest.jobs[0].prompts == ["x"]
    with pytest.raises(ManifestError, match="not made of JSON values"):
        from_mapping({**mapping, "name": object()}, folder=tmp_path, today=TODAY)


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path):
    with pytest.raises(ManifestError, match="No such file"):
        load(tmp_path / "none.yaml", today=TODAY)
    with pytest.raises(ManifestError, match="Is a directory"):
        load(tmp_path, today=TODAY)


def test_a_fingerprint_changes_with_everything_that_makes_jobs(tmp_path):
    rows, picture = tmp_path / "rows.txt", tmp_path / "cat.png"
    rows.write_text("a fox\n")
    picture.write_bytes(b"cat")
    text = HEAD + '  - {model: m, file: rows.txt, params: {image: {file: cat.png}, a: "{{ style }}"}}\n'
    first = fingerprint(read(tmp_path, text, {"style": "oil"}))
    assert fingerprint(read(tmp_path, text, {"style": "oil"})) == first
    seen = {first, fingerprint(read(tmp_path, text, {"style": "ink"}))}
    seen.add(fingerprint(read(tmp_path, text + "# more\n", {"style": "oil"})))
    rows.write_text("an owl\n")
    seen.add(fingerprint(read(tmp_path, text, {"style": "oil"})))
    picture.write_bytes(b"dog")
    seen.add(fingerprint(read(tmp_path, text, {"style": "oil"})))
    assert len(seen) == 5


def test_a_fingerprint_hangs_on_the_date_only_where_it_is_used(tmp_path):
    plain, dated = HEAD + PART, HEAD + '  - {model: m, prompt: "{{ date }}"}\n'
    path = tmp_path / "jobs.yaml"
    marks = []
    for text in (plain, dated):
        path.write_text(text)
        marks.append({fingerprint(load(path, today=date(2026, 11, day))) for day in (1, 2)})
    assert [len(each) for each in marks] == [1, 2]


def keys(schema, tree):
    yield from tree.get("properties", {}).items()
    for part in schema["$defs"].values() if tree is schema else ():
        yield from keys(schema, part)


def test_every_key_is_described_in_the_schema():
    schema = json_schema()
    found = dict(keys(schema, schema))
    assert {"name", "endpoints", "jobs", "limits", "matrix", "until", "on_unknown"} <= found.keys()
    assert [name for name, value in found.items() if not value.get("description")] == []
    assert schema["additionalProperties"] is False


def test_m5_a_mark_and_carriage_returns_move_no_place(tmp_path):
    path = tmp_path / "jobs.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + PART).replace("\n", "\r\n").encode())
    assert load(path, today=TODAY).text == HEAD + PART
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + PART).replace("\n", "\r\n").encode() + b"    smaples: 2\r\n")
    with pytest.raises(ManifestError, match=r"jobs.yaml:6:5: "):
        load(path, today=TODAY)


SMALL = {
    "name": "small",
    "endpoints": {
        "images": {"dialect": "nebula-images", "url": "demo", "limits": {"requests_per_day": 3}},
        "any": {
            "dialect": "json-http",
            "url": "demo",
            "body": {"a": "{{ prompt }}"},
            "poll": {"path": "/{{ id }}", "until": "done"},
        },
    },
    "jobs": [
        {
            "endpoint": "images",
            "model": "m",
            "prompt": "{{ a }}",
            "vars": {"a": [1]},
            "matrix": {"b": [1, 2]},
        },
        {"endpoint": "any", "prompts": ["x", {"id": "y", "prompt": "z", "params": {"n": 1}}]},
    ],
    "retry": {"attempts": 3},
    "budget": {"usd": 5},
}
JUNK = (
    None,
    True,
    -1,
    1.5,
    10**18,
    "",
    "x",
    "{{ x",
    "{{ a }}",
    "../x\0",
    [],
    [None],
    {},
    {"file": "x"},
    {"a": [1]},
)


def places(tree, way=()):
    yield way
    for step, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, dict | list):
            yield from places(value, (*way, step))
        else:
            yield (*way, step)


def replaced(tree, way, junk):
    if not way:
        return junk
    copy = tree.copy()
    copy[way[0]] = replaced(tree[way[0]], way[1:], junk)
    return copy


def verdict(mapping, folder):
    try:
        return from_mapping(mapping, folder=folder, today=TODAY)
    except ManifestError as refused:
        return str(refused)


@pytest.mark.parametrize("way", [way for way in places(SMALL) if way], ids=str)
def test_m3_whatever_stands_anywhere_is_taken_or_refused_in_words(tmp_path, way):
    verdicts = [verdict(replaced(SMALL, way, junk), tmp_path) for junk in JUNK]
    assert all(each if isinstance(each, str) else each.jobs for each in verdicts)
