import xml.etree.ElementTree as ET

import rows

from runner import junit
from runner.job import State
from runner.outcome import Cause


def document(*jobs, **counts):
    row = rows.batch(tally=rows.tally(**counts))
    return ET.fromstring("".join([junit.HEAD, *junit.suite(row, jobs), junit.TAIL]))


def test_a_batch_is_a_suite_and_a_job_a_case():
    jobs = [
        rows.job(id="fox", state=State.SUCCEEDED, latency_s=1.5),
        rows.job(id="owl", state=State.FAILED, cause=Cause.BLOCKED, message="not <allowed>"),
        rows.job(id="elk", state=State.UNKNOWN, cause=Cause.INTERRUPTED, message="cut off"),
        rows.job(id="bat", state=State.PENDING),
        rows.job(id="cat", state=State.CANCELLED),
    ]
    suite = document(*jobs, succeeded=1, failed=1, unknown=1, pending=1, cancelled=1).find("testsuite")
    assert suite.attrib == {"name": "animals", "tests": "5", "failures": "1", "errors": "1", "skipped": "2"}
    fox, owl, elk, bat, cat = suite
    assert (fox.attrib["name"], fox.attrib["time"], list(fox)) == ("fox", "1.500", [])
    assert (owl[0].tag, owl[0].attrib["type"], owl[0].text) == ("failure", "blocked", "not <allowed>")
    assert (elk[0].tag, elk[0].attrib["type"]) == ("error", "interrupted")
    assert [each[0].attrib["message"] for each in (bat, cat)] == ["pending", "cancelled"]


def test_what_xml_cannot_hold_is_replaced():
    suite = document(
        rows.job(id='a"b\x00', state=State.FAILED, cause=Cause.BUG, message="\x1b[31mred\ud800"), failed=1
    ).find("testsuite")
    assert suite[0].attrib["name"] == 'a"b\ufffd'
    assert suite[0][0].text == "\ufffd[31mred\ufffd"
