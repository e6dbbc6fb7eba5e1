import pytest

from toolkit.core.errors import BadInput, BrokenRule, InternalError, ToolkitError


@pytest.mark.parametrize("kind", [BadInput, BrokenRule, InternalError])
def test_every_error_is_a_toolkit_error_and_keeps_its_message(kind):
    with pytest.raises(ToolkitError, match=r"^`x` is wrong\.$"):
        raise kind("`x` is wrong.")


def test_the_three_kinds_of_errors_never_mix():
    kinds = (BadInput, BrokenRule, InternalError)
    for kind in kinds:
        assert [other for other in kinds if issubclass(kind, other)] == [kind]


def test_a_toolkit_error_is_no_other_error():
    assert ToolkitError.__bases__ == (Exception,)
