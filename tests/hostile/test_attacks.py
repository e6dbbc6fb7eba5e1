"""Every attack on a checkpoint, through `open_checkpoint` and through the command line."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bounds import CHECKPOINT_CPU_S
from tests.hostile.attacks import FILES, INERT, INERT_FILES, LEGACY, MARKER, PLACES, REFUSED, SOUND
from tests.hostile.streams import legacy, zipped
from tests.sampling import all_but
from toolkit.checkpoint import open_checkpoint
from toolkit.cli import app
from toolkit.core.errors import BadInput

REPOSITORY = Path(__file__).parents[2]
ALIKE = (
    "200,000 entries",
    "million lists in lists",
    "dicts in dicts",
    "endless opcodes",
    "millions of objects",
    "configurations in configurations",
    "three million memo puts",
    "wide object shared a thousand times",
)
"""Attacks of some seconds each, refused for what a faster one is refused for."""
HEAVY = (
    *ALIKE,
    "million tuples in tuples",
    "million marks",
    "storage of a million parts",
    "millions of sets",
)
"""Attacks of some seconds each, whichever way they come."""

EXPECTED = {
    **{title: fragment for title, (_, fragment) in REFUSED.items()},
    **{title: fragment for title, (_, fragment) in FILES.items()},
    **{title: fragment for title, (_, fragment) in PLACES.items()},
}
READ = {**dict.fromkeys(INERT), **dict.fromkeys(INERT_FILES)}


@pytest.fixture
def marker(tmp_path):
    # The same length as what it stands for, so that sizes in the streams stay right.
    folder = tmp_path / "canary"
    folder.mkdir()
    yield folder / MARKER
    assert list(folder.iterdir()) == []


@pytest.fixture
def attack(request, tmp_path, marker, monkeypatch):
    """The file of an attack; what it would run works in an empty folder, where it would show."""
    monkeypatch.chdir(marker.parent)
    path = tmp_path / "attack.pt"
    title = request.param
    if title in PLACES:
        PLACES[title][0](path)
    else:
        path.write_bytes(_content_of(title))
    return path


def _content_of(title):
    if title in REFUSED:
        return zipped(_made(REFUSED[title][0]))
    if title in INERT:
        return zipped(INERT[title])
    return _made(FILES[title][0] if title in FILES else INERT_FILES[title])


def _made(content):
    return content() if callable(content) else content


@pytest.fixture(scope="module")
def open_in_bounds(tmp_path_factory):
    """Says what opening a file came to in a process of its own, within a time and a memory."""
    command = [sys.executable, "-m", "tests.hostile.opening"]
    said = tmp_path_factory.mktemp("opening") / "stderr"
    with (
        said.open("wb") as stderr,
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as opener,
    ):

        def ask(path):
            print(path, file=opener.stdin, flush=True)
            outcome = json.loads(opener.stdout.readline())
            assert said.read_text() == ""
            assert "died" not in outcome, outcome
            assert outcome["events"] == []
            assert outcome["seconds"] < CHECKPOINT_CPU_S
            return outcome

        yield ask


def inspect(path):
    started = time.process_time()
    outcome = CliRunner().invoke(app, ["inspect", str(path)])
    assert time.process_time() - started < CHECKPOINT_CPU_S
    return outcome


def check_refusal_line(outcome):
    assert outcome.exit_code == 2, outcome.output
    assert outcome.stdout == ""
    line = outcome.stderr.removesuffix("\n")
    assert line.startswith("error: ")
    assert line.isprintable()
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize("attack", all_but(ALIKE, EXPECTED), indirect=True)
def test_an_attack_is_refused_by_name_within_bounds(attack, request, open_in_bounds):
    title = request.node.callspec.params["attack"]
    outcome = open_in_bounds(attack)
    assert outcome["names"] is None
    assert EXPECTED[title] in outcome["error"]
    assert outcome["error"].isprintable()
    assert len(outcome["error"]) < 2000


@pytest.mark.parametrize("attack", all_but(HEAVY, EXPECTED), indirect=True)
def test_the_command_line_refuses_an_attack_in_one_line(attack, request):
    title = request.node.callspec.params["attack"]
    assert EXPECTED[title] in check_refusal_line(inspect(attack))


@pytest.mark.parametrize("attack", READ, indirect=True)
def test_what_is_read_of_an_attack_is_data(attack, open_in_bounds):
    outcome = open_in_bounds(attack)
    assert outcome["error"] is None
    assert outcome["names"]


@pytest.mark.parametrize("attack", READ, indirect=True)
def test_the_command_line_survives_what_is_read(attack):
    check_refusal_line(inspect(attack))


@pytest.mark.wide
@pytest.mark.parametrize("title", all_but(set(HEAVY) & set(REFUSED), REFUSED))
def test_an_attack_in_the_legacy_format_is_refused_too(title, tmp_path):
    path = tmp_path / "attack.pt"
    path.write_bytes(legacy(_made(REFUSED[title][0])))
    with pytest.raises(BadInput) as caught:
        open_checkpoint(path)
    assert str(caught.value).isprintable()


def test_the_material_of_the_attacks_is_sound(tmp_path):
    """Otherwise every attack on it would be refused for the wrong reason."""
    path = tmp_path / "model.pt"
    for content in (SOUND, LEGACY):
        path.write_bytes(content)
        assert open_checkpoint(path).load("w").shape == (3, 4)


@pytest.mark.parametrize("whole", [SOUND, LEGACY], ids=["zip", "legacy"])
def test_a_file_cut_off_at_any_byte_is_refused(whole, tmp_path):
    path = tmp_path / "cut.pt"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput):
            open_checkpoint(path)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(SOUND)
    checkpoint = open_checkpoint(path)
    path.write_bytes(SOUND[:-100])
    for ask in (lambda: checkpoint.load("w"), checkpoint.state_dict, checkpoint.sha256):
        with pytest.raises(BadInput, match="changed since"):
            ask()
