"""What a folder carries of its proof: `verification.json`, and the card that is made of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import cast

from toolkit.audio import SAMPLE_RATE_HZ
from toolkit.core.artifact import FileDigest
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.core.origin import FetchedPath, spelled
from toolkit.core.result import Result
from toolkit.examples import AUDIO
from toolkit.folder.digest import MODEL_CARD, VERIFICATION
from toolkit.folder.languages import of_model
from toolkit.pipeline.basics import environment
from toolkit.pipeline.prepare import Prepared
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.sources import companions
from toolkit.proof.document import Verification, read_verification
from toolkit.proof.facts import LANGUAGE_TOKEN, CardFacts
from toolkit.proof.sealing import write_sealed
from toolkit.report.model_card import render_model_card
from toolkit.session.options import items_of
from toolkit.session.requests.verify import Verify

EPOCH = "SOURCE_DATE_EPOCH"
"""See https://reproducible-builds.org/specs/source-date-epoch/."""
OWN_CARD = "fairseq-hf-toolkit"
"""Stands in every card that the toolkit wrote."""


def write_papers(folder: Path, result: Result, prepared: Prepared, request: Verify) -> None:
    """Writes `verification.json` and the card into a folder that has everything else.

    A card that somebody else wrote stays. Nothing that is written names a folder of this machine.

    Args:
        folder: The folder.
        result: What is known of it.
        prepared: What it was made of.
        request: The proof that gives the result again.

    Raises:
        BadInput: `SOURCE_DATE_EPOCH` is no time.
    """
    travelling = replace(result, reproduce=command_line(request, spell=name_alone))
    model = card_facts(prepared, request.hf_dir.name)
    made = Verification(model=model, result=travelling, date=maybe_date())
    paths = [*named_paths(request), *companions(prepared)]
    verification = read_verification(without_folders(made.to_dict(), paths))
    card = _write_card(folder / MODEL_CARD, render_model_card(verification))
    sealed = replace(verification, about={MODEL_CARD: card})
    (folder / VERIFICATION).write_bytes(write_sealed(sealed.to_dict()))


def card_facts(prepared: Prepared, name: str) -> CardFacts:
    """What a model is and how it is used.

    Args:
        prepared: The checkpoint.
        name: What a user passes to `pipeline(model=...)`.
    """
    contents, words = prepared.task.contents, prepared.task.kind.words
    assigned = prepared.plan.assignments
    hears = prepared.task.kind.medium is AUDIO and not words.takes
    return CardFacts(
        pipeline=words.pipeline,
        tags=words.tags,
        summary=words.summary,
        units=words.units,
        usage=words.usage,
        caller=words.caller,
        notes=words.notes,
        model_name=name,
        architecture=contents.config["architectures"][0],
        languages=tuple(contents.language_tags),
        default_language=prepared.task.default_lang,
        sample_rate_hz=SAMPLE_RATE_HZ if hears else 0,
        input=words.takes or "text",
        converter_version=environment()["toolkit"],
        vocabulary_size=len(contents.dictionary),
        needs_remote_code=bool(prepared.network.shortcomings)
        or "auto_map" in contents.preprocessor,
        parameters=sum(prepared.plan.targets[name].numel for name in of_model(assigned)),
        language_token=LANGUAGE_TOKEN if hears and not contents.spoken else "",
    )


def maybe_date() -> str | None:
    """When to say that it was written; None where nobody names a time, so that bytes stay equal.

    Raises:
        BadInput: what is named is no time.
    """
    said = os.environ.get(EPOCH)
    if not said:
        return None
    try:
        moment = datetime.fromtimestamp(int(said), tz=timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise BadInput(
            f"`{EPOCH}` must be a number of seconds since 1970, but is {said!r:.40}. Correct it, "
            "or unset it for files without a date."
        ) from error
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def name_alone(path: Path) -> str:
    """A path without its folders; what is of the hub keeps its address."""
    fetched = isinstance(path, FetchedPath) and path.origin
    return spelled(path) if fetched else path.name or path.resolve().name


def named_paths(request: Verify) -> Iterator[Path]:
    """Every path that a user named."""
    for item in items_of(type(request)):
        value = getattr(request, item.name)
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        yield from (path for path in values if isinstance(path, Path))


def without_folders(said: JsonDict, paths: Iterable[Path]) -> JsonDict:
    """Data in which no text says in which folder of this machine a path lies.

    Args:
        said: Plain data.
        paths: What may be named in it.
    """
    names = {
        spelling: path.name
        for path in paths
        for spelling in (str(path), str(path.absolute()), os.path.realpath(path))
        if len(Path(spelling).parts) > 1
    }
    longest_first = dict(sorted(names.items(), key=lambda item: -len(item[0])))
    return cast(JsonDict, _replaced(said, longest_first))


def _replaced(said: object, names: Mapping[str, str]) -> object:
    if isinstance(said, str):
        for spelling, name in names.items():
            said = said.replace(spelling, name)
        return said
    if isinstance(said, Mapping):
        return {key: _replaced(value, names) for key, value in said.items()}
    return [_replaced(value, names) for value in said] if isinstance(said, list) else said


def _write_card(path: Path, card: str) -> FileDigest:
    if not path.exists() or OWN_CARD in path.read_text(encoding="utf-8", errors="replace"):
        path.write_text(card, encoding="utf-8")
    content = path.read_bytes()
    return FileDigest(sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content))
