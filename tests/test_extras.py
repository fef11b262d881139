import pytest

from runner.extras import Missing, library


def test_a_missing_library_is_told_with_how_to_install_it():
    with pytest.raises(Missing) as caught:
        library("no_such_library.part", "parquet", why="a.parquet")
    assert str(caught.value) == "a.parquet needs no_such_library: pip install 'runner[parquet]'"


def test_a_library_that_is_there_is_the_module():
    assert library("json.decoder", "parquet", why="a.json").JSONDecoder
