"""The report as people see it: shown by a browser, on a desk and on a phone, by day and by night."""

import colorsys

import pytest
import queues
from chromium import browser
from PIL import Image

from runner import compose
from runner.outcome import Cause
from runner.report import page

DESK, PHONE = 1280, 390
RED, GREEN = (214, 40, 30), (30, 160, 70)
LONG = "an-extraordinarily-long-word-that-does-not-break-anywhere-" * 3


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of a batch of red and green pictures, with refusals, failures, and words that do not break."""
    folder = tmp_path_factory.mktemp("studio")
    db, outputs = str(folder / "runner.db"), folder / "animals"
    outputs.mkdir()
    made = [queues.named(f"fox-{number}", f"{LONG} <script>boom()</script> {number}") for number in range(40)]
    with compose.writing(db) as store:
        batch = store.submit(queues.batch(folder=str(outputs)), made, now=queues.NOW).batch_id
        settled = []
        for number, claim in enumerate(queues.claim(store, batch, len(made))):
            at = queues.NOW + number * 3
            if number % 10 == 9:
                settled.append(queues.failed(claim, Cause.THROTTLED if number % 20 == 9 else Cause.BLOCKED))
                continue
            picture = Image.new("RGB", (96, 64), RED if number % 2 else GREEN)
            picture.paste((0, 0, 0), (number, 10, number + 20, 40))
            picture.save(outputs / f"{claim.id}.png")
            settled.append(queues.done(claim, queues.kept(f"{claim.id}.png"), started_at=at))
        store.settle(batch, settled, now=queues.NOW + 200)
    report = compose.report(db, "animals", at=queues.NOW + 300)
    target = outputs / "report.html"
    target.write_text(page.page(report.facts, report.shown, at=target, runner="runner"))
    return target.as_uri()


def share(picture, colour, near=12):
    """How large a part of a picture has about that colour."""
    bands = [
        band.point(lambda level, wanted=wanted: 255 * (abs(level - wanted) <= near))
        for band, wanted in zip(picture.split(), colour, strict=True)
    ]
    both = Image.new("L", picture.size, 255)
    for band in bands:
        both.paste(0, mask=band.point(lambda level: 255 - level))
    return both.histogram()[255] / (picture.width * picture.height)


def box(chromium, selector):
    """Where the first such element stands on the page."""
    places = chromium.value(
        f"(({{left, top, right, bottom}}) => [left, top, right, bottom].map(Math.round))"
        f"(document.querySelector({selector!r}).getBoundingClientRect())"
    )
    assert places[2] > places[0]
    assert places[3] > places[1]
    return places


def colour(name, chromium):
    """A colour of the page's own, as the browser has it."""
    told = chromium.value(f"getComputedStyle(document.querySelector('rect.{name}')).fill")
    return tuple(int(each) for each in told[4:-1].split(","))


@pytest.mark.parametrize(("wide", "dark"), [(DESK, False), (PHONE, False), (PHONE, True)])
def test_the_page_shows_its_charts_and_pictures_and_nothing_sticks_out(chromium, address, wide, dark):
    chromium.open(address, wide=wide, high=900, dark=dark)
    assert chromium.value("document.documentElement.scrollWidth") == wide
    shot = chromium.screenshot()
    chart = shot.crop(box(chromium, "svg.chart"))
    assert share(chart, colour("answered", chromium)) > 0.02
    assert share(chart, colour("refused", chromium)) > 0.001
    assert share(chart, colour("failed", chromium)) > 0.001
    assert share(shot.crop(box(chromium, "svg.bar")), colour("succeeded", chromium)) > 0.8
    gallery = shot.crop(box(chromium, "section:last-of-type .gallery"))
    assert share(gallery, RED, near=40) > 0.05
    assert share(gallery, GREEN, near=40) > 0.05
    paper = shot.getpixel((2, 2))
    assert (max(paper) < 40) is dark
    assert colorsys.rgb_to_hls(*(each / 255 for each in paper))[2] < 0.3


def test_the_page_asks_for_nothing_but_itself_and_runs_nothing(chromium, address):
    chromium.open(address, wide=DESK, high=900)
    asked = [each["request"]["url"] for each in chromium.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert chromium.told("Log.entryAdded") == []
    assert chromium.told("Runtime.exceptionThrown") == []
    assert chromium.value("document.scripts.length") == 0
    assert chromium.value("[...document.images].every(each => each.complete && each.naturalWidth > 0)")


def test_nothing_is_too_small_to_read_on_a_phone(chromium, address):
    chromium.open(address, wide=PHONE, high=900)
    texts = "[...document.querySelectorAll('main *:not(svg *)')].filter(each => each.textContent.trim())"
    small = chromium.value(f"{texts}.filter(each => parseFloat(getComputedStyle(each).fontSize) < 11).length")
    assert small == 0
    columns = "getComputedStyle(document.querySelector('.gallery')).gridTemplateColumns.split(' ').length"
    assert chromium.value(columns) == 2
