"""Models of the Hugging Face hub in the place of paths: what is named, and where it lies here.

A name is `hf://org/name`, with `@revision` and `/path` where they are wanted; the address of a page
of the hub; or `org/name`, where neither that path nor the folder `org` is here. Files come through
huggingface_hub, with its cache, its endpoint (`HF_ENDPOINT`) and its rights.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from toolkit.core.errors import BadInput
from toolkit.core.origin import FetchedPath, fetched
from toolkit.session.options import items_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Asked = TypeVar("Asked", bound="DataclassInstance")
Made = TypeVar("Made")

CHECKPOINT, FOLDER = "checkpoint", "folder"
"""What a name may stand for."""
MAIN = "main"

_REPOSITORY = r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)"
_REVISION = r"(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[^/@]+))?"
_NAMED = re.compile(rf"hf:/+{_REPOSITORY}{_REVISION}(?:/(?P<inner>.+))?")
_SHORT = re.compile(rf"{_REPOSITORY}{_REVISION}(?P<inner>)")
_PAGE = re.compile(
    rf"https?:/+huggingface\.co/{_REPOSITORY}"
    r"(?:/(?:resolve|blob|tree)/(?P<revision>[^/]+)(?:/(?P<inner>[^?#]+))?)?(?:[?#].*)?"
)
_CHECKPOINTS = (".pt", ".pth", ".th", ".ckpt")
_FILES = (*_CHECKPOINTS, ".bin", ".safetensors", ".json", ".npz", ".tar", ".gz", ".zip")
"""What the name of a file ends with, and that of no repository."""
_UNREAD = ("*.h5", "*.msgpack", "*.onnx", "*.ot", "*.tflite", "*.gguf", "*.pt", "*.ckpt")
"""Other formats beside a folder's own weights."""


@dataclass(frozen=True, kw_only=True)
class HubName:
    """A repository of the hub, and a file or folder in it."""

    repository: str
    revision: str
    inner: str
    """Path in the repository; empty for the whole."""

    def __str__(self) -> str:
        at = "" if self.revision == MAIN else f"@{self.revision}"
        return f"hf://{self.repository}{at}" + (f"/{self.inner}" if self.inner else "")


def maybe_hub_name(path: Path) -> HubName | None:
    """What a path names on the hub; None where it is a path.

    `org/name` is one where something is there, or `org` is, so that a slip of the pen in a path is
    told as one.
    """
    text = path.as_posix()
    found = _NAMED.fullmatch(text) or _PAGE.fullmatch(text)
    if found is None and path.suffix.lower() not in _FILES and not path.parent.exists():
        found = _SHORT.fullmatch(text)
    # A name that leads out of its repository would make a folder of this machine pass for one.
    if found is None or isinstance(path, FetchedPath) or ".." in path.parts:
        return None
    return HubName(
        repository=found["repository"],
        revision=found["revision"] or MAIN,
        inner=(found["inner"] or "").rstrip("/"),
    )


def fetch_named(request: Asked) -> Asked:
    """A request with what it names of the hub as files of this machine, which know their names.

    Raises:
        BadInput: as `fetch`.
    """
    fields = [item for item in items_of(type(request)) if item.named.fetched_as]
    named = {field.name: getattr(request, field.name) for field in fields}
    found = {
        field.name: fetch(named[field.name], field.named.fetched_as)
        for field in fields
        if named[field.name] is not None
    }
    changed = {name: path for name, path in found.items() if path is not named[name]}
    return replace(request, **changed) if changed else request


def fetch(path: Path, kind: str) -> Path:
    """The path itself, or the file or folder on this machine that a name of the hub stands for.

    Args:
        path: What the user named.
        kind: `CHECKPOINT`, which brings what stands beside the file, or `FOLDER`.

    Raises:
        BadInput: the hub cannot be asked and nothing was fetched before, it has no such repository,
            revision or file, or several checkpoints.
    """
    name = maybe_hub_name(path)
    if name is None:
        return path
    return _fetch_checkpoint(name) if kind == CHECKPOINT else _fetch_folder(name)


def _fetch_checkpoint(name: HubName) -> Path:
    files = _list(name)
    chosen = _choose(name, files)
    beside = [file for file in files if _is_companion(file, chosen)]
    snapshot = _snapshot(name, allow=[glob.escape(file) for file in (chosen, *beside)])
    return _expect(name, snapshot, chosen)


def _fetch_folder(name: HubName) -> Path:
    allow = [f"{glob.escape(name.inner)}/*"] if name.inner else None
    return _expect(name, _snapshot(name, allow=allow, ignore=_UNREAD), name.inner)


def _choose(name: HubName, files: Sequence[str]) -> str:
    """The one checkpoint that is meant.

    Raises:
        BadInput: there is none, or there are several.
    """
    if name.inner in files:
        return name.inner
    inside = f"{name.inner}/" if name.inner else ""
    found = [f for f in files if f.startswith(inside) and f.endswith(_CHECKPOINTS)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = "".join(f"\n    hf://{name.repository}/{file}" for file in sorted(found)[:20])
        raise BadInput(
            f"`{name}` must say which checkpoint is meant, but there are {len(found)}. "
            f"Name one:{listed}"
        )
    there = ", ".join(f"`{file}`" for file in sorted(files)[:10]) or "nothing"
    raise BadInput(
        f"`{name}` must hold a checkpoint of fairseq, such as `model.pt`, but holds {there}. "
        "Name another repository, or the file as `hf://org/name/FILE`."
    )


def _is_companion(file: str, checkpoint: str) -> bool:
    from toolkit.families.sidecars import is_companion

    place = PurePosixPath(file)
    beside = place.parent == PurePosixPath(checkpoint).parent
    belongs = is_companion(place, PurePosixPath(checkpoint))
    return beside and belongs and place.suffix not in _CHECKPOINTS


def _list(name: HubName) -> list[str]:
    """All files of a repository; those that were fetched before where the hub is out of reach."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    def ask() -> list[str]:
        info = HfApi().model_info(name.repository, revision=name.revision)
        return [file.rfilename for file in info.siblings or ()]

    try:
        return _asked(name, ask)
    except BadInput as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            raise
        known = _maybe_known(name)
        if known is None:
            raise
        files = (path for path in known.rglob("*") if path.is_file())
        return [path.relative_to(known).as_posix() for path in files]


def _maybe_known(name: HubName) -> Path | None:
    """Where that revision lies that was fetched before, whole or not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name.repository,
                revision=name.revision,
                allow_patterns=[],
                local_files_only=True,
            )
        )
    except LocalEntryNotFoundError:
        return None


def _snapshot(
    name: HubName, *, allow: Sequence[str] | None, ignore: Iterable[str] | None = None
) -> Path:
    from huggingface_hub import snapshot_download

    def ask() -> str:
        return snapshot_download(
            name.repository,
            revision=name.revision,
            allow_patterns=None if allow is None else list(allow),
            ignore_patterns=None if ignore is None else list(ignore),
        )

    return Path(_asked(name, ask))


def _asked(name: HubName, ask: Callable[[], Made]) -> Made:
    """What the hub says.

    Raises:
        BadInput: it says that there is none, or nothing.
    """
    from huggingface_hub import errors

    try:
        return ask()
    except errors.RevisionNotFoundError as error:
        raise BadInput(
            f"`{name}` must name a revision of `{name.repository}`, but there is no "
            f"`{name.revision}`. Name a branch, a tag or a commit after `@`, or leave it out."
        ) from error
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        raise BadInput(
            f"`{name}` must be a path, or a repository of the hub that you may read, but no such "
            f"path is here and {_endpoint()} has none of that name for you. Check the name; for a "
            "private or gated one, `hf auth login`."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(name, error.__cause__ or error) from error.__cause__
    except (errors.HTTPError, OSError, ValueError) as error:  # type: ignore[attr-defined]
        raise _unreachable(name, error) from error


def _unreachable(name: HubName, error: BaseException) -> BadInput:
    reason = " ".join(str(error).split())[:150].rstrip(". ") or "no reason"
    return BadInput(
        f"`{name}` must be a path here, or come from the hub, but no such path is here and "
        f"{_endpoint()} cannot be asked ({type(error).__name__}: {reason}). Check the path or the "
        f"connection, or run `hf download {name.repository}` elsewhere and name what it wrote."
    )


def _endpoint() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT


def _expect(name: HubName, snapshot: Path, inner: str) -> Path:
    place = snapshot / inner
    if not place.exists():
        raise BadInput(
            f"`{name}` must be in `{name.repository}`, but is not in revision `{snapshot.name}`. "
            "Name another file, or another revision after `@`."
        )
    origin = HubName(repository=name.repository, revision=snapshot.name, inner=inner)
    return fetched(place, str(origin))
