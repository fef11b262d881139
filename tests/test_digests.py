from random import Random

from runner.digests import Digests, of_text


def test_every_digest_is_counted_however_many_there_are():
    chance, digests, seen = Random(1), Digests(), {}
    for _ in range(20_000):
        digest = chance.randrange(15_000) * 0x9E3779B97F4A7C15 % (1 << 64)
        seen[digest] = seen.get(digest, 0) + 1
        assert digests.add(digest) == seen[digest]
    assert len(digests) == len(seen)
    assert all(digest in digests for digest in seen)
    assert 12345 not in digests


def test_digests_that_fall_together_are_told_apart():
    digests = Digests()
    for digest in (0, 1 << 40, 1 << 41, 1 << 42):
        assert digests.add(digest) == 1
    assert digests.add(1 << 41) == 2
    assert digests.add(0) == 2
    assert not digests.alike


def test_those_that_begin_alike_are_noticed_however_many_stand_between():
    digests, chance = Digests(), Random(2)
    digests.add(0xABCDEF << 16)
    for _ in range(5_000):
        digests.add(chance.getrandbits(64))
    assert not digests.alike
    assert digests.add(0xABCDEF << 16 | 7) == 1
    assert digests.alike == {0xABCDEF}
    assert digests.add(0xABCDEF << 16) == 2


def test_texts_have_digests_of_64_bits():
    assert 0 <= of_text("fox") < 1 << 64
    assert of_text("fox") != of_text("Fox")


def test_one_that_comes_again_and_again_is_counted_on():
    digests = Digests()
    for times in range(1, 1_001):
        assert digests.add(7) == times
        if times % 2:
            assert digests.add(8) == times // 2 + 1
    for other in range(100, 5_000):
        assert digests.add(other) == 1
    assert (digests.add(7), digests.add(8), digests.add(9)) == (1_001, 501, 1)
