"""One table of what can be named: every place that takes or says an option is made of it."""

from __future__ import annotations

import inspect
import json
import pickle
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import toolkit
from toolkit.cli import app
from toolkit.console.parameters import read_given
from toolkit.console.registering import request_of
from toolkit.core.errors import BadInput
from toolkit.pipeline.reproduce import command_line
from toolkit.session import groups, options, program
from toolkit.session.options import Argument, Item, typed_items
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.diff import Diff
from toolkit.session.requests.verify import Verify

CLICK: dict[str, Any] = app.commands
PACKAGE = Path(toolkit.__file__).parent
VERIFY = Verify(Path("m.pt"), Path("hf"))


def test_every_command_has_its_request() -> None:
    assert [request_of(name).command for name in CLICK] == list(CLICK)


def test_a_request_is_kept_as_it_was_asked() -> None:
    clips = [Path("a.flac")]
    asked = Verify(Path("m.pt"), Path("hf"), audio=clips)
    clips.append(Path("b.flac"))
    assert asked.audio == (Path("a.flac"),)
    with pytest.raises(FrozenInstanceError):
        asked.beam = False


def test_another_process_gets_the_request_without_who_watches_it() -> None:
    asked = Verify(Path("m.pt"), Path("hf"), decoder_config={"a": 1}, progress=lambda *_: None)
    taken: Verify = pickle.loads(pickle.dumps(asked))
    assert taken == asked
    assert taken.progress is None


def test_a_part_takes_what_it_knows_of_a_request() -> None:
    asked = Convert(Path("m.pt"), Path("out"), beam=False, target_lang="de", max_shard_bytes=7)
    assert asked.part(Verify, hf_dir=asked.out) == Verify(
        Path("m.pt"), Path("out"), beam=False, target_lang="de"
    )


# Values


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"dtype": "int8"}, "`--dtype` must be one of float32, float16, bfloat16, but is 'int8'"),
        ({"padding_reference": "new"}, "`--padding-reference` must be one of masked, unmasked"),
        ({"device": "gpu"}, "`--device` must be `cpu` or a GPU"),
        ({"recording": Path("r"), "audio": [Path("a")]}, "but `--audio` is named too"),
        (
            {"recording": Path("r"), "fairseq_python": Path("p"), "user_dir": Path("d")},
            "but `--fairseq-python` and `--user-dir` is named too",
        ),
    ],
)
def test_a_value_that_is_none_is_refused_before_anything_is_opened(
    named: dict[str, Any], said: str
) -> None:
    for function in (toolkit.verify, toolkit.diff, toolkit.convert):
        with pytest.raises(BadInput, match=re.escape(said)):
            function(Path("nowhere.pt"), Path("nowhere"), **named)


def test_values_that_are_some_are_let_through() -> None:
    Verify(Path("m.pt"), Path("hf"), dtype="float16", padding_reference="unmasked").check()
    Diff(Path("m.pt"), Path("hf"), recording=Path("r")).check()


# There and back

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
)
PATHS = TEXTS.map(Path)
JSON = st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | TEXTS)


OF_TYPES: dict[object, st.SearchStrategy[Any]] = {
    Path: PATHS,
    Sequence: st.lists(PATHS, max_size=3).map(tuple),
    Mapping: JSON,
    bool: st.booleans(),
    int: st.integers(min_value=1),
    str: TEXTS,
}


def values_of(item: Item) -> st.SearchStrategy[Any]:
    if item.named.not_repeated:
        return st.just(item.default)
    return st.none() | OF_TYPES[item.type] if item.is_optional else OF_TYPES[item.type]


@st.composite
def requests(draw: st.DrawFn) -> groups.Request:
    kind = draw(st.sampled_from((Convert, Verify, Diff)))
    items = typed_items(kind)
    chosen = {
        item.name for item in items if isinstance(item.named, Argument) or draw(st.booleans())
    }
    return kind(**{i.name: draw(values_of(i)) for i in items if i.name in chosen})


@given(requests())
def test_a_line_is_read_as_the_request_that_it_was_made_of(asked: Any) -> None:
    _, command, *words = shlex.split(command_line(asked))
    values = CLICK[command].make_context(command, words).params
    assert type(asked)(**read_given(type(asked), values)) == asked


# A new option is one field

NOVELTY = """\
    novelty: Annotated[
        int, Option("What nobody asked for yet.", metavar="N", check=lambda *_: None)
    ] = 3
"""
LOOK = """\
import importlib.util, inspect, json, sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("toolkit.session.groups", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["toolkit.session.groups"] = module
spec.loader.exec_module(module)

import toolkit
from click.testing import CliRunner
from toolkit.cli import app
from toolkit.parity.settings import KEYS
from toolkit.pipeline.elsewhere import make_recorder
from toolkit.pipeline.reproduce import command_line
from toolkit.session.requests.convert import Convert

functions = [getattr(toolkit, name) for name in sys.argv[2].split()] + [make_recorder]
print(json.dumps({
    "help": [name for name in app.commands
             if "--novelty N" in CliRunner().invoke(app, [name, "--help"]).stdout],
    "signatures": [f.__name__ for f in functions
                   if inspect.signature(f).parameters["novelty"].default == 3],
    "documentation": [f.__name__ for f in functions
                      if "novelty: What nobody asked for yet." in f.__doc__],
    "settings": "novelty" in KEYS,
    "line": command_line(Convert(Path("m.pt"), Path("out"), novelty=4)),
}))
"""


def test_a_field_of_the_table_is_an_option_everywhere(tmp_path: Path) -> None:
    source = Path(groups.__file__).read_text(encoding="utf-8")
    before = "    padding_reference: Annotated["
    assert source.count(before) == 1
    extended = tmp_path / "groups.py"
    extended.write_text(source.replace(before, NOVELTY + before), encoding="utf-8")
    functions = "assert_parity convert diff export inspect record verify"
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(extended), functions],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = ["inspect", "convert", "export", "verify", "record", "recorder", "diff"]
    assert found["help"] == expected
    assert found["signatures"] == [*functions.split(), "make_recorder"]
    assert found["documentation"] == found["signatures"]
    assert found["settings"]
    assert found["line"] == "toolkit convert m.pt out --novelty 4"


def test_no_option_is_written_outside_of_the_table() -> None:
    """Only the program's own options, which no request has, are spelled for click."""
    spelled = {
        (path.name, match[1])
        for path in PACKAGE.rglob("*.py")
        for match in re.finditer(
            r"(?:click\.Option|Placed)\(\s*(\[[^,)]+)", path.read_text(encoding="utf-8")
        )
    }
    assert spelled == {("about.py", "[flag]"), ("parameters.py", "[_flags(item")}


def test_no_meaning_is_written_twice() -> None:
    named = [*vars(groups).values(), *vars(program).values()]
    kinds = {kind for kind in named if inspect.isclass(kind) and issubclass(kind, groups.Request)}
    texts = {item.named.help for kind in kinds for item in options.items_of(kind)}
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    written = {t: len(re.findall(rf'(?<!"")"{re.escape(t)}"(?!"")', code)) for t in texts}
    assert written == dict.fromkeys(texts, 1)


@pytest.mark.parametrize("audio", ["clips", Path("clips"), ["clips"], (Path("clips"),)])
def test_a_path_may_be_a_text_and_one_clip_may_stand_alone(audio: Any) -> None:
    asked = Verify("a b.pt", "hf", audio=audio, dict="dict.txt")
    assert asked == Verify(Path("a b.pt"), Path("hf"), audio=[Path("clips")], dict=Path("dict.txt"))


def test_no_audio_is_none_at_all() -> None:
    assert Verify(Path("a.pt"), Path("hf"), audio=None).audio == ()
