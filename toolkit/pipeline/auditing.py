"""Whether a folder is still the one that was proven."""

from __future__ import annotations

from toolkit.core.origin import spelled
from toolkit.core.progress import silent
from toolkit.folder.digest import Hashed
from toolkit.proof.audited import Audited
from toolkit.proof.auditing import audit_folder
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.audit import Audit


@keywords_of(Audit)
def audit(request: Audit) -> Audited:
    """Says whether a folder is still the one that was proven: every file, by its hash.

    Raises:
        BadInput: it is no folder, or nothing in it says what was proven.
    """
    return audit_folder(
        request.hf_dir, spelled(request.hf_dir), request.seal, hashed=_counting(request)
    )


def _counting(request: Audit) -> Hashed:
    report, done = request.progress or silent, 0
    total = sum(file.stat().st_size for file in request.hf_dir.rglob("*") if file.is_file())

    def hashed(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        report("reading the files", done, total, "bytes")

    return hashed
