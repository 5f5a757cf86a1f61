import pytest

from sqlkiln.core.processes import is_follower, process_count


@pytest.mark.parametrize(
    ("size", "rank", "count", "follows"),
    [
        (None, None, 1, False),
        ("2", "0", 2, False),
        ("2", "1", 2, True),
        ("1", "1", 1, False),
        ("", "x", 1, False),
    ],
)
def test_the_launcher_tells_which_process_it_is(size, rank, count, follows, monkeypatch):
    for name, value in (("WORLD_SIZE", size), ("RANK", rank)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert (process_count(), is_follower()) == (count, follows)
