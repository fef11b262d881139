from runner.seen import seen


def test_names_are_kept_once_and_can_be_struck_off():
    with seen() as names:
        names.add(f"{number}.png" for number in (2, 1, 2, 3))
        names.add(["\udcff.png"])
        names.discard(["2.png", "9.png"])
        assert list(names) == ["1.png", "3.png", "\udcff.png"]
