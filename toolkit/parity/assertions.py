"""`assert_parity`: a whole folder in one assertion, in any test framework."""

from __future__ import annotations

from toolkit.core.result import Result
from toolkit.report.failing import describe_mismatch
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.verify import Assertion, Verify


@keywords_of(Assertion)
def assert_parity(request: Assertion) -> Result:
    """The result of `toolkit.verify`, if the folder matches the checkpoint.

    For unittest and scripts; pytest has a plugin with one test per module pair, level and clip.

    Raises:
        AssertionError: the folder does not match; says where, by how much, why, and what to change.
        BadInput: a file or folder cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.verification import verify

    result = verify(**vars(request.part(Verify)))
    if result.verdict != "match":
        raise AssertionError("\n".join(describe_mismatch(result, request.report)))
    return result
