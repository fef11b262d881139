"""A short soak; `make soak` goes on for as long as one likes."""

from soaking import soak


async def test_six_blows_to_one_batch_lose_nothing_and_pay_for_nothing_in_silence(tmp_path):
    status, ends = await soak(2341, folder=tmp_path, jobs=150, most=6)
    assert [kind for kind, _ in ends] == ["freeze", "kill", "cut", "point", "end", "full"]
    assert status["jobs"]["succeeded"] == status["outputs"] == 150
