from runner.identity import Claimed, Identity, key_of

ALIKE = (b'["e","d","m",{"n":5711451},', b'["e","d","m",{"n":12196934},')
"""Requests whose keys have the first 12 digits in common, found among thirty million."""


def test_the_second_of_two_keys_that_begin_alike_gets_a_longer_id():
    identity = Identity(Claimed())
    named = []
    for request in ALIKE:
        key, sample = identity.numbered(request)
        assert (key, sample) == (key_of(request, 1), 1)
        named.append(identity.named(key, None, several=False))
    first, second = (key_of(request, 1) for request in ALIKE)
    assert named == [(first[:12], first[:12]), (second[:16], second[:16])]
    assert first[:12] == second[:12]


def test_samples_have_ids_of_their_own():
    identity = Identity(Claimed())
    ids = []
    for number in (1, 2, 3):
        key, sample = identity.numbered(ALIKE[0])
        assert (key, sample) == (key_of(ALIKE[0], number), number)
        ids.append(identity.named(key, None, several=False)[0])
    assert ids == [key_of(ALIKE[0], number)[:12] for number in (1, 2, 3)]
