import base64
import hashlib
import html
import re
from pathlib import Path

import pytest
import rows

from runner.compose.exhibiting import Exhibit, Exhibition
from runner.facts import Looks, facts, summed
from runner.job import State
from runner.report import charts, page
from runner.store.rows import Kind, Sending
from runner.timeline import Step, Timeline

AT = rows.AT
NASTY = "<script>alert('x')</script> & \"quotes\" {{ 7 * 7 }}"


def sendings(number, cause=None, every_s=1.0):
    return [
        Sending("nebula", "sdxl", cause, AT + index * every_s, 0.5 + index % 7, 1, 1, 3_800_000, None)
        for index in range(number)
    ]


def shown(*, looks=None, exhibition=None, made=(), failures=(), **fields):
    return page.page(
        facts(
            rows.batch(started_at=AT, tally=rows.tally(succeeded=9, failed=1), **fields),
            summed(made),
            standings=[],
            failures=failures,
            kinds={"image": Kind(9, 900)},
            looks=looks or Looks(looked_at=0),
            at=AT + 60,
        ),
        exhibition or Exhibition(),
        at=Path("/home/ann/outputs/animals/report.html"),
        runner="runner",
    )


def exhibit(**fields):
    picture = {"path": fields.pop("path", "fox.png")}
    return Exhibit(job=rows.job(**fields), kept=rows.kept(**picture), webp=b"RIFF")


def test_whatever_users_and_providers_wrote_is_text():
    failed = rows.failure(example=rows.job(id=NASTY, state=State.FAILED, message=NASTY, cause="blocked"))
    words = Exhibit(job=rows.job(id=NASTY, prompt=NASTY), kept=rows.text(NASTY))
    made = shown(
        name=NASTY,
        failures=[failed],
        exhibition=Exhibition(gallery=(exhibit(prompt=NASTY, vars=b'{"</pre>":1}'),), texts=(words,)),
    )
    assert "<script" not in made
    assert "alert(" in made
    assert html.escape(NASTY, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in made
    assert made.count("</pre>") == made.count("<pre>")


def test_the_page_asks_nobody_for_anything():
    made = shown(exhibition=Exhibition(gallery=(exhibit(),)), made=sendings(9))
    sources = re.findall(r'\b(?:src|href|xlink:href|action|data)="([^"]*)"', made)
    assert sorted(sources) == ["data:image/webp;base64,UklGRg==", "fox.png"]
    assert not re.search(r"url\(|@import|https?://|<link|<script|<iframe|\bstyle=|\bon\w+=", made)


def test_the_policy_allows_the_one_style_sheet_and_pictures_that_are_in_the_page():
    made = shown()
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', made)[1])
    style = re.search(r"<style>(.*?)</style>", made, re.DOTALL)[1]
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashed}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize(
    ("path", "href"),
    [("a b#c?.png", "a%20b%23c%3F.png"), ("ab/fox.png", "ab/fox.png"), ("50%.png", "50%25.png")],
)
def test_a_picture_leads_to_its_file(path, href):
    made = shown(exhibition=Exhibition(gallery=(exhibit(path=path),)))
    assert f'<a class="frame" href="{href}">' in made


def test_a_file_that_is_gone_is_told_in_its_place():
    lost = Exhibit(job=rows.job(), kept=rows.kept(), trouble="its file is missing")
    made = shown(exhibition=Exhibition(gallery=(lost,)))
    assert '<div class="frame lost">its file is missing</div>' in made
    assert 'href="fox.png"' not in made


def test_charts_are_told_in_words_and_as_tables():
    made = shown(made=sendings(60) + sendings(20, "throttled") + sendings(4, "timed_out"))
    text = html.unescape(made)
    assert text.count("60 answers, 20 refusals and 4 failures in ") == 2
    assert text.count("60 answers: half within ") == 2
    assert text.count('role="img"') == 3
    assert len(re.findall(r'aria-labelledby="([^"]+)-title \1-words"', made)) == 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"finished_at": AT + 60}, "2026-11-23 02:00 UTC to 2026-11-23 02:01 UTC, 1m 00s"),
        ({}, "begun 2026-11-23 02:00 UTC, 1m 00s before this page was made"),
    ],
)
def test_times_are_universal(fields, words):
    assert words in shown(**fields)


def test_a_chart_piles_up_what_ended_and_shows_a_break():
    line = Timeline(
        step_s=60,
        steps=(
            Step(at=AT, answered=3, refused=1, failed=0),
            Step(at=AT + 60, answered=0, refused=0, failed=2),
            Step(at=AT + 86_400, answered=4, refused=0, failed=0),
        ),
    )
    chart = charts.over_time(line)
    assert [(each.kind, round(each.y), round(each.high)) for each in chart.shapes] == [
        ("answered", 25, 75),
        ("refused", 0, 25),
        ("failed", 50, 50),
        ("answered", 0, 100),
    ]
    assert [each.words for each in chart.lines] == ["23h 58m of nothing left out"]
    first, _, second, third = (each.x for each in chart.shapes)
    assert first < second < chart.lines[0].x < third < chart.wide
    assert chart.peak == 4 / 60


def test_every_state_has_its_part_of_the_bar():
    chart = charts.states(rows.tally(succeeded=6, failed=2, pending=2))
    assert [(each.kind, each.x, each.wide) for each in chart.shapes] == [
        ("succeeded", 0, 60),
        ("failed", 60, 20),
        ("pending", 80, 20),
    ]
