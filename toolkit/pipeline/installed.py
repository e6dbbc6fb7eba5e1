"""Whether fairseq is in this environment; nothing of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

from toolkit.core.errors import BadInput

INSTALL_HINT = (
    "pip install 'fairseq-hf-toolkit[fairseq]' && pip install --no-deps 've-fairseq==0.12.3'"
)


def fairseq_is_installed() -> bool:
    """Whether `import fairseq` has something to import."""
    return find_spec("fairseq") is not None


def expect_recordable() -> None:
    """Makes sure that fairseq is here to record.

    Raises:
        BadInput: it is not.
    """
    if not fairseq_is_installed():
        raise BadInput(
            "`fairseq` must be installed to record, but is not. Install it with "
            f"`{INSTALL_HINT}`, or record where it runs with `toolkit recorder`."
        )
