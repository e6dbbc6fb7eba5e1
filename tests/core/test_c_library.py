import ctypes
import errno

import pytest

from toolkit.core.c_library import expect_success, maybe_c_function


def test_a_function_of_the_system_is_found():
    function = maybe_c_function("abs")
    assert function is not None
    assert function(-3) == 3


def test_a_function_that_the_system_lacks_is_none():
    assert maybe_c_function("no_such_function_of_any_system") is None


@pytest.mark.parametrize("error", [TypeError, OSError])
def test_a_system_without_a_nameless_library_has_no_function(error, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert maybe_c_function("abs") is None


def test_a_failure_is_the_systems_error():
    expect_success(0)
    ctypes.set_errno(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left on device") as raised:
        expect_success(-1)
    assert raised.value.errno == errno.ENOSPC
