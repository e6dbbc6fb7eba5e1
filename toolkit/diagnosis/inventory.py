"""What a folder's files hold against what the checkpoint says, without running any model."""

from __future__ import annotations

from toolkit.core.result import Finding
from toolkit.diagnosis.keys import file_findings, key_findings
from toolkit.diagnosis.tensors import tensor_findings
from toolkit.diagnosis.truth import Truth
from toolkit.diagnosis.vocabulary import vocabulary_findings
from toolkit.folder.view import FolderView


def take_inventory(truth: Truth, view: FolderView) -> tuple[Finding, ...]:
    """Every difference between the files and the checkpoint, as findings."""
    keys = tuple(key_findings(truth, view))
    return (
        *file_findings(view),
        *tensor_findings(truth, view),
        *keys,
        *vocabulary_findings(truth, view),
    )
