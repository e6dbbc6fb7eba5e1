"""Whether what says which tensor is which was held against something that knows."""

from __future__ import annotations

from toolkit.core.errors import BadInput
from toolkit.pipeline.prepare import Prepared


def why_unheld(prepared: Prepared) -> str | None:
    """Why a proof would prove nothing: which tensor is which was inferred, and nothing confirms it.

    fairseq's model is given its weights by the same rows, so that what these exchange is exchanged
    on both sides. None where the rows are the user's own, or were held against what knows them.
    """
    mapping = prepared.mapping
    inferred = None if mapping is None else mapping.inferred
    if mapping is None or inferred is None:
        return None
    where = f"the rows of `{mapping.path}`, which say which tensor is which,"
    then = (
        "infer it with `--user-dir` or `--like HF_DIR`, or check the rows and take `inferred` out"
    )
    if inferred.held == "nothing":
        return f"{where} were held against nothing ({inferred.because}): {then}"
    if inferred.checkpoint != prepared.checkpoint.sha256():
        return f"{where} were held for another checkpoint: {then}"
    if inferred.rows != mapping.seal:
        return f"{where} are others than those that were held: {then}"
    return None


def expect_held(prepared: Prepared) -> None:
    """Refuses a proof that cannot see a wrong row.

    Raises:
        BadInput: it could not.
    """
    because = why_unheld(prepared)
    if because is not None:
        raise BadInput(f"A proof must be able to fail, but {because}.")
