import threading

import pytest

from toolkit.folder.background import Background


def test_the_outcome_is_that_of_the_function():
    def work(advance):
        advance(3)
        advance(4)
        return "done"

    with Background(work) as background:
        assert background.wait(10)
        assert background.result() == "done"
        assert background.num_bytes == 7


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_is_raised_where_the_outcome_is_asked_for(error):
    def work(_):
        raise error("why")

    with Background(work) as background:
        assert background.wait(10)
        with pytest.raises(error, match="why"):
            background.result()


def test_work_that_nobody_waits_for_ends_at_its_next_chunk():
    chunks, started = [], threading.Event()

    def work(advance):
        while True:
            advance(1)
            chunks.append(1)
            started.set()

    with Background(work) as background:
        started.wait(10)
        assert not background.wait(0)
    count = len(chunks)
    assert background.wait(0)
    assert len(chunks) == count
