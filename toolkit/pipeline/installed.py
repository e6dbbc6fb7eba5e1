"""Whether fairseq is in this environment; nothing of it is imported."""

from __future__ import annotations

from importlib.util import find_spec

INSTALL_HINT = (
    "pip install 'fairseq-hf-toolkit[fairseq]' && pip install --no-deps 've-fairseq==0.12.3'"
)


def fairseq_is_installed() -> bool:
    """Whether `import fairseq` has something to import."""
    return find_spec("fairseq") is not None
