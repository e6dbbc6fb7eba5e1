"""Looks at a repository of the hub, and sends files to it; who may do so is the hub's to know.

All goes through huggingface_hub, with its endpoint and its token, which nothing here prints.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.core.artifact import FileDigest
from toolkit.core.errors import BadInput

MAIN = "main"
_NOT_ALLOWED = (401, 403)
_CONFLICT, _OTHERWISE = 409, 412


@dataclass(frozen=True, kw_only=True)
class Held:
    """A file of a repository."""

    num_bytes: int
    sha256: str | None
    """None where the hub keeps it in git, which knows it by another hash."""
    blob: str
    """git's hash of a file that it keeps."""

    def is_same(self, path: Path, digest: FileDigest) -> bool:
        """Whether it has the bytes of a file of this machine.

        Args:
            path: The file; it is read where the hub does not say the sha256.
            digest: What it must have.

        Raises:
            OSError: it cannot be read.
        """
        if self.num_bytes != digest.num_bytes:
            return False
        if self.sha256 is not None:
            return self.sha256 == digest.sha256
        content = path.read_bytes()
        right = hashlib.sha256(content).hexdigest() == digest.sha256
        return right and self.blob == _git_hash(content)


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What a repository holds."""

    commit: str
    is_private: bool
    files: Mapping[str, Held]


def is_known() -> bool:
    """Whether somebody is logged in to the hub here."""
    return _maybe_token() is not None


def maybe_look(repository: str) -> Repository | None:
    """What a repository holds; None where there is none that may be seen from here.

    Raises:
        BadInput: the hub cannot be asked.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    with _worded(repository):
        try:
            info = HfApi().model_info(repository, revision=MAIN)
        except RepositoryNotFoundError:
            return None
        tree = HfApi().list_repo_tree(repository, recursive=True, revision=info.sha)
        files = {
            file.path: Held(
                num_bytes=file.size,
                sha256=None if file.lfs is None else file.lfs.sha256,
                blob=file.blob_id,
            )
            for file in tree
            if isinstance(file, RepoFile)
        }
        return Repository(commit=str(info.sha), is_private=bool(info.private), files=files)


def make_repository(repository: str, *, private: bool) -> None:
    """Makes a repository that is not there.

    Raises:
        BadInput: the hub refuses it, or cannot be asked.
    """
    from huggingface_hub import HfApi

    with _worded(repository):
        HfApi().create_repo(repository, private=private, exist_ok=False)


def send(repository: str, files: Mapping[str, Path], message: str, parent: str) -> str:
    """Sends files as one commit, all of them or none; returns the commit.

    Args:
        repository: Where they go.
        files: By their paths in it.
        message: What the commit is called.
        parent: The commit that it follows.

    Raises:
        BadInput: the hub refuses it, as the repository is at another commit by now, say, or cannot
            be asked.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    operations = [CommitOperationAdd(name, str(path)) for name, path in files.items()]
    with _worded(repository), _without_bars():
        made = HfApi().create_commit(
            repository, operations, commit_message=message, revision=MAIN, parent_commit=parent
        )
    return str(made.oid)


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keeps the hub's own progress off the terminal, where the toolkit shows its own."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


@contextmanager
def _worded(repository: str) -> Iterator[None]:
    """Says what the hub refuses, and never who asked it.

    Raises:
        BadInput: it refuses something, or nobody answers.
    """
    from huggingface_hub import constants, errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        raise BadInput(_refusal(repository, error)) from None
    except (errors.HTTPError, OSError, ValueError) as error:  # type: ignore[attr-defined]
        raise BadInput(
            f"`{repository}` must be a repository of {constants.ENDPOINT}, but that cannot be "
            f"asked ({type(error).__name__}: {_brief(error)}). Check the connection and "
            "`HF_ENDPOINT`; what was sent is there whole or not at all."
        ) from None


def _refusal(repository: str, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in _NOT_ALLOWED:
        return (
            f"`{repository}` must be a repository that you may change, but the hub says no "
            f"({_brief(error)}). Log in with `hf auth login` and a token that may write there."
        )
    if status in (_CONFLICT, _OTHERWISE):
        return (
            f"`{repository}` must be as it was a moment ago, but somebody made or changed it "
            f"meanwhile ({_brief(error)}). Run the same command again, and look at what it says."
        )
    return (
        f"`{repository}` must be a repository that takes the files, but the hub says: "
        f"{_brief(error)}. What was sent is there whole or not at all."
    )


def _brief(error: BaseException) -> str:
    said = " ".join(str(error).split())
    token = _maybe_token()
    return (said.replace(token, "...") if token else said)[:200].rstrip(". ") or "no reason"


def _maybe_token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
