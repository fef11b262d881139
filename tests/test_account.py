import pytest

from runner.account import account
from runner.endpoint import Endpoint


def endpoint(**fields):
    made = {"dialect": "openai-chat", "url": "https://api.example.com/v1", "key": "${KEY}"}
    return Endpoint.model_validate({**made, **fields})


@pytest.mark.parametrize(
    "same",
    [
        {"dialect": "openai-images"},
        {"url": "https://API.example.com/v2/images"},
        {"concurrency": 3, "timeout": 5.0, "limits": {"requests_per_day": 7}},
        {"headers": {"X-Team": "blue"}},
    ],
)
def test_endpoints_of_one_host_and_key_share_an_account(same):
    assert account(endpoint(**same)) == account(endpoint())


@pytest.mark.parametrize(
    "other",
    [
        {"key": "${OTHER_KEY}"},
        {"key": None},
        {"url": "https://api.example.org/v1"},
        {"url": "http://api.example.com/v1"},
        {"url": "${BASE}/v1"},
        {"url": "demo"},
        {"headers": {"X-Api-Key": "${KEY}"}},
    ],
)
def test_another_host_or_key_is_another_account(other):
    assert account(endpoint(**other)) != account(endpoint())
