"""The pytest plugin: one test per module pair, level and clip, and fixtures for tests of one's own.

pytest imports this file in every project of an environment that holds the toolkit, so nothing is
imported here but pytest; what a pair needs is imported where the first pair is configured.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from toolkit.oracle.asking import AnyReference
    from toolkit.parity.bench import Parity
    from toolkit.parity.settings import PairSettings
    from toolkit.replay.target import Target

_TABLE = b"tool.toolkit.parity"
_PAIRS: pytest.StashKey[tuple[PairSettings, ...]] = pytest.StashKey()
_BENCHES: pytest.StashKey[dict[str, Parity]] = pytest.StashKey()
_VISITED: pytest.StashKey[set[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Says which pair to compare; several pairs stand in pyproject.toml or pytest.ini."""
    group = parser.getgroup("toolkit", "parity of Hugging Face folders with fairseq checkpoints")
    group.addoption("--toolkit-checkpoint", metavar="FILE", help="fairseq checkpoint of a pair.")
    group.addoption("--toolkit-target", metavar="HF_DIR", help="The folder it must equal.")
    group.addoption(
        "--toolkit-audio",
        metavar="PATH",
        action="append",
        help="Clips or folders of clips; the golden ones by default. Repeatable.",
    )
    group.addoption(
        "--toolkit-text",
        metavar="FILE",
        action="append",
        help="Files of sentences, for models that read. Repeatable.",
    )
    group.addoption(
        "--toolkit-units",
        metavar="FILE",
        action="append",
        help="Files of speech units, for vocoders. Repeatable.",
    )
    group.addoption(
        "--toolkit-recording",
        metavar="REC_DIR",
        help="What `toolkit record` wrote; takes the place of fairseq and of clips.",
    )
    group.addoption(
        "--toolkit-tolerances",
        metavar="FILE",
        help="Rules of the form `pattern -> tolerance because reason`.",
    )
    group.addoption(
        "--toolkit-report",
        metavar="DIR",
        help="Where the report of a failing pair goes; .toolkit-parity by default.",
    )
    parser.addini(
        "toolkit_parity",
        "Pairs, one a line: CHECKPOINT -> HF_DIR [name=...] [audio=...] [tolerances=...] ...",
        type="linelist",
        default=[],
    )
    parser.addini("toolkit_report", "Where the reports of failing pairs go.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Reads the pairs and adds them to what is collected.

    Raises:
        pytest.UsageError: a setting is wrong.
    """
    if not _is_used(config):
        return
    from toolkit.core.errors import ToolkitError
    from toolkit.parity.settings import read_pairs

    try:
        pairs = read_pairs(config)
    except ToolkitError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_PAIRS] = pairs
    config.stash[_BENCHES] = {}
    config.stash[_VISITED] = set()
    for pair in _requested(config, pairs):
        if not any(_names(config, argument, pair) for argument in config.args):
            config.args.append(str(pair.entry))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Lets pytest into folders that it would pass by, such as `build`, if they hold a pair."""
    ignored = config.getoption("ignore") or config.getoption("ignore_glob")
    pairs = () if ignored else config.stash.get(_PAIRS, ())
    return False if any(pair.entry.is_relative_to(collection_path) for pair in pairs) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A configured folder is collected by its `config.json`."""
    for pair in parent.config.stash.get(_PAIRS, ()):
        if pair.entry == file_path:
            from toolkit.parity.collecting import PairFile

            parent.config.stash[_VISITED].add(pair.name)
            bench = _bench(parent.config, pair)
            collector: pytest.Collector = PairFile.from_parent(parent, path=file_path, bench=bench)
            return collector
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """A pair that is asked for and that nothing collects is an error.

    Raises:
        pytest.UsageError: there is such a pair.
    """
    visited = config.stash.get(_VISITED, set())
    missed = [
        p.name for p in _requested(config, config.stash.get(_PAIRS, ())) if p.name not in visited
    ]
    if missed:
        raise pytest.UsageError(
            f"Every pair must collect tests, but {', '.join(f'`{name}`' for name in missed)} "
            "collected none. Look at what `--ignore` and `collect_ignore` leave out."
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `parity` runs once per configured pair."""
    pairs = metafunc.config.stash.get(_PAIRS, ())
    if "_toolkit_pair" in metafunc.fixturenames and len(pairs) > 1:
        names = [pair.name for pair in pairs]
        metafunc.parametrize("_toolkit_pair", pairs, ids=names, indirect=True, scope="session")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Lets go of the models and of the reference's files."""
    for bench in config.stash.get(_BENCHES, {}).values():
        bench.close()


@pytest.fixture(scope="session")
def _toolkit_pair(request: pytest.FixtureRequest) -> PairSettings:
    pairs = request.config.stash.get(_PAIRS, ())
    if not pairs:
        pytest.fail(
            "the fixtures of the toolkit need a pair: give `--toolkit-checkpoint` and "
            "`--toolkit-target`, or a table `[[tool.toolkit.parity.pairs]]` in pyproject.toml",
            pytrace=False,
        )
    pair: PairSettings = getattr(request, "param", pairs[0])
    return pair


@pytest.fixture(scope="session")
def parity(request: pytest.FixtureRequest, _toolkit_pair: PairSettings) -> Parity:
    """Both models of the configured pair and what can be asked of them."""
    return _bench(request.config, _toolkit_pair)


@pytest.fixture(scope="session")
def reference(parity: Parity) -> AnyReference:
    """The model of fairseq with the checkpoint's weights."""
    return parity.reference


@pytest.fixture(scope="session")
def converted(parity: Parity) -> Target:
    """The folder's model, feature extractor and tokenizer."""
    return parity.converted


def _is_used(config: pytest.Config) -> bool:
    options = (config.getoption("toolkit_checkpoint"), config.getoption("toolkit_target"))
    return any(options) or bool(config.getini("toolkit_parity")) or _has_table(config.rootpath)


def _has_table(root: Path) -> bool:
    with suppress(OSError):
        return _TABLE in (root / "pyproject.toml").read_bytes()
    return False


def _requested(config: pytest.Config, pairs: tuple[PairSettings, ...]) -> Iterator[PairSettings]:
    """The pair of the command line, and all others unless the command line names tests."""
    chosen = config.args_source == pytest.Config.ArgsSource.ARGS and not _is_worker(config)
    yield from (pair for pair in pairs if pair.from_command_line or not chosen)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _names(config: pytest.Config, argument: str, pair: PairSettings) -> bool:
    """Whether an argument is the pair's folder, its entry, or a test of it."""
    path = (config.invocation_params.dir / argument.split("::", maxsplit=1)[0]).resolve()
    return path in (pair.hf_dir, pair.entry)


def _bench(config: pytest.Config, pair: PairSettings) -> Parity:
    from toolkit.parity.bench import Parity

    return config.stash[_BENCHES].setdefault(pair.name, Parity(pair))
