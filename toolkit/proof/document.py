"""`verification.json`: what was proven of a folder, by numbers and hashes, as data and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TypeVar

from toolkit.core.artifact import Artifact, FileDigest
from toolkit.core.coverage import ClipCoverage, Coverage, Reason
from toolkit.core.json import JsonDict, JsonObject, plain
from toolkit.core.measures import Level, Measure
from toolkit.core.result import CLIPS, Caution, Deviation, Result, Suspicion
from toolkit.core.settled import Settled, Trial
from toolkit.proof.facts import CardFacts

SCHEMA_VERSION = 1
KIND = "verification"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What travels with a folder."""

    model: CardFacts
    result: Result
    """Of convert or verify; modules, tokens and what is found are no part of what travels."""
    date: str | None = None
    """When it was written, as `SOURCE_DATE_EPOCH` says; None where nobody said."""
    about: Mapping[str, FileDigest] = field(default_factory=dict)
    """The files of the folder that were made of all this: the card."""

    @property
    def files(self) -> dict[str, FileDigest]:
        """Every file of the folder but the one that says this, by its path."""
        return dict(sorted({**self.result.target_files, **self.about}.items()))

    def to_dict(self) -> JsonDict:
        """The document without its seal."""
        result = self.result
        said: JsonDict = plain(
            {
                "schema_version": SCHEMA_VERSION,
                "document": KIND,
                "verdict": result.verdict,
                "unverified_because": result.unverified_because,
                "date": self.date,
                "command": result.reproduce,
                "model": asdict(self.model),
                "task": result.task,
                "task_levels": list(result.task_levels),
                "absent_levels": dict(result.absent_levels),
                **({} if result.examples == CLIPS else {"examples": result.examples}),
                "source": {**asdict(result.source), "files": _plain_files(result.source_files)},
                "folder": {"sha256": result.target.sha256, "files": _plain_files(self.files)},
                "coverage": None if result.coverage is None else result.coverage.to_dict(),
                "levels": {level.name: level.to_dict() for level in result.levels},
                "deviations": [asdict(deviation) for deviation in result.deviations],
                "cautions": [asdict(caution) for caution in result.cautions],
                "suspicious": [asdict(suspicion) for suspicion in result.suspicious],
                "assumptions": [asdict(reason) for reason in result.assumptions],
                "environment": dict(result.environment),
            }
        )
        return said


def read_verification(said: JsonObject) -> Verification:
    """The document as data.

    Args:
        said: A document that follows the schema; see `toolkit.proof.schema`.
    """
    files = {name: _read(FileDigest, one) for name, one in said["folder"]["files"].items()}
    result = Result(
        command="verify",
        source=_read(Artifact, said["source"]),
        target=Artifact(path=said["model"]["model_name"], sha256=said["folder"]["sha256"]),
        source_files={n: _read(FileDigest, one) for n, one in said["source"]["files"].items()},
        target_files=files,
        task=said["task"],
        task_levels=tuple(said["task_levels"]),
        absent_levels=said["absent_levels"],
        units=said["model"]["units"],
        examples=said.get("examples", CLIPS),
        coverage=None if said["coverage"] is None else _read_coverage(said["coverage"]),
        levels=tuple(_read_level(name, level) for name, level in said["levels"].items()),
        deviations=tuple(_read(Deviation, one, max_error=float) for one in said["deviations"]),
        cautions=tuple(_read(Caution, one, max_error=float) for one in said["cautions"]),
        suspicious=tuple(_read(Suspicion, one) for one in said["suspicious"]),
        assumptions=tuple(_read_reason(one) for one in said["assumptions"]),
        unverified_because=said["unverified_because"],
        environment=said["environment"],
        reproduce=said["command"],
    )
    model = _read(CardFacts, said["model"], tags=tuple, languages=tuple)
    return Verification(model=model, result=result, date=said["date"])


def _plain_files(files: Mapping[str, FileDigest]) -> JsonDict:
    return {name: asdict(file) for name, file in files.items()}


def _read(kind: Callable[..., T], said: JsonObject, **made: Callable[..., object]) -> T:
    """An object of a dataclass; what it does not know is left out.

    Args:
        kind: The class.
        said: Its fields, as JSON has them.
        made: What makes a field of JSON's value, where that is another's.
    """
    known = {one.name for one in fields(kind)} & said.keys()  # type: ignore[arg-type]
    given = {name: made[name](said[name]) if name in made else said[name] for name in known}
    return kind(**given)


def _read_level(name: str, said: JsonObject) -> Level:
    return Level(
        name=name,
        measures=tuple(
            _read(Measure, one, error=float, tolerance=float) for one in said["measures"]
        ),
        summary=said["summary"],
        left_out=said["verdict"] == "unverified",
        clips=said["clips"],
    )


def _read_coverage(said: JsonObject) -> Coverage:
    source, modules = said["source_tensors"], said["modules"]
    return Coverage(
        source_used=source["used"],
        source_dropped=tuple(_read(Reason, one) for one in source["dropped"]),
        source_total=source["total"],
        target_compared=said["target_tensors"]["compared"],
        target_total=said["target_tensors"]["total"],
        modules_compared=modules["compared"],
        modules_total=modules["total"],
        parameterized_compared=modules["parameterized"]["compared"],
        parameterized_total=modules["parameterized"]["total"],
        uncompared=tuple(_read(Reason, one) for one in modules["uncompared"]),
        clips=tuple(_read(ClipCoverage, one) for one in said["clips"]),
    )


def _read_reason(said: JsonObject) -> Reason:
    if "trials" not in said:
        return _read(Reason, said)
    trials = tuple(_read(Trial, one, error=float) for one in said["trials"])
    return Settled(name=said["name"], because=said["because"], trials=trials)
