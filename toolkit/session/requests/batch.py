"""What may be named of a batch: which jobs, where its results lie, how it runs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from toolkit.session.groups import Request
from toolkit.session.options import Argument, Option, Role, Section, one_of
from toolkit.session.proving import Watched

ENGINES = ("processes", "ray")
"""Who runs the jobs: processes of this machine, or Ray."""
REPORTS = ("mismatch", "all", "none")
"""Which jobs get a page of their own."""


@dataclass(frozen=True, kw_only=True)
class Batch(Watched):
    """What `toolkit batch` is asked."""

    command: ClassVar[str] = "batch"

    jobs: Annotated[
        Path, Argument("TOML that says what to do with which checkpoints.", metavar="JOBS.toml")
    ] = field(kw_only=False)
    results: Annotated[
        Path,
        Argument(
            "Folder of the results; one that is there is continued.",
            metavar="RESULTS",
            role=Role.SHELF,
        ),
    ] = field(kw_only=False)
    workers: Annotated[
        int | None,
        Option("Processes; one for each core.", metavar="N", min=1),
    ] = None
    engine: Annotated[
        str,
        Option(
            "`processes` of this machine, or `ray`.",
            metavar="NAME",
            check=one_of(ENGINES, "processes"),
        ),
    ] = "processes"
    address: Annotated[
        str | None,
        Option(
            "Of a running Ray; one is started here otherwise.",
            metavar="ADDRESS",
        ),
    ] = None
    time_limit: Annotated[
        int | None, Option("Seconds after which a job is given up.", metavar="S", min=1)
    ] = None
    clips_per_shard: Annotated[
        int | None,
        Option("Clips of one process; a proof of more is cut in shards.", metavar="N", min=1),
    ] = None
    reports: Annotated[
        str,
        Option(
            "Which jobs get a page: `mismatch`, `all`, `none`.",
            metavar="WHICH",
            check=one_of(REPORTS, "those that do not match"),
        ),
    ] = "mismatch"
    again: Annotated[bool, Option("Do once more what was refused or died.")] = False


@dataclass(frozen=True, kw_only=True)
class OfResults(Request):
    """What is asked of a batch's results."""

    results: Annotated[
        Path, Argument("Folder that `toolkit batch` wrote.", metavar="RESULTS", role=Role.SHELF)
    ] = field(kw_only=False)


@dataclass(frozen=True, kw_only=True)
class BatchStatus(OfResults):
    """What `toolkit batch status` is asked."""

    command: ClassVar[str] = "status"


@dataclass(frozen=True, kw_only=True)
class BatchReport(OfResults):
    """What `toolkit batch report` is asked."""

    command: ClassVar[str] = "report"
    section: ClassVar[Section] = Section.OUTPUT

    parquet: Annotated[
        Path | None,
        Option(
            "Write each table of the database as a Parquet file into this new folder.",
            metavar="DIR",
            role=Role.FOLDER,
        ),
    ] = None
