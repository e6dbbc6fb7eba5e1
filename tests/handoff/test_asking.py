"""A runner is asked in a process of its own, which may do what it likes."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from toolkit.core.errors import BadInput
from toolkit.handoff.asking import DoesNotAnswer, asked, name_of
from toolkit.handoff.example import Example

EXAMPLE = Example(
    clip="tiny",
    waveform=np.zeros(8, dtype=np.float32),
    sampling_rate=16_000,
    input_values=np.arange(8, dtype=np.float32)[None],
    attention_mask=np.ones((1, 8), dtype=np.int64),
    decoder_input_ids=None,
    language=None,
    language_id=None,
    max_new_tokens=None,
    num_beams=None,
)
SAYS = """
import os, sys, time

class Mine:
    def __init__(self, folder):
        {made}
    def ask(self, example):
        {body}
"""


def mine(folder: Path, body: str, made: str = "pass") -> str:
    file = folder / "mine.py"
    file.write_text(SAYS.format(body=body, made=made))
    return f"{file}:Mine"


def test_what_a_file_says_comes_back_and_what_it_prints_does_not(tmp_path, capfd):
    body = "print('heard'); os.write(1, b'too'); return {'logits': example.input_values * 2}"
    with asked(mine(tmp_path, body), tmp_path, limit_s=60) as ask:
        first, second = ask(EXAMPLE), ask(EXAMPLE)
    assert first.arrays["logits"].tolist() == second.arrays["logits"].tolist()
    assert first.arrays["logits"].max() == 14
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "too" in printed.err


@pytest.mark.parametrize(
    ("body", "because"),
    [
        ("return 1 / 0", "raises ZeroDivisionError: division by zero (line 8 of mine.py), of the"),
        ("raise ValueError(chr(27) + 'red')", "raises ValueError: ?red (line 8 of mine.py)"),
        ("sys.exit('out')", "raises SystemExit: out (line 8 of mine.py), of the clip `tiny`"),
        ("os._exit(7)", "ends its process with the code 7, of the clip `tiny`"),
        ("time.sleep(60)", "takes more than 3 s (`--runner-limit`), of the clip `tiny`"),
    ],
)
def test_a_clip_without_an_answer_is_named(body, because, tmp_path):
    begun = time.monotonic()
    with (
        asked(mine(tmp_path, body), tmp_path, limit_s=3 if "sleep" in body else 60) as ask,
        pytest.raises(DoesNotAnswer) as caught,
    ):
        ask(EXAMPLE)
    assert because in str(caught.value)
    assert time.monotonic() - begun < 30


@pytest.mark.wide
def test_what_a_runner_has_begun_itself_holds_nobody_up(tmp_path):
    begun = time.monotonic()
    body = "os.fork() or time.sleep(20); os._exit(3)"
    with (
        asked(mine(tmp_path, body), tmp_path, limit_s=5) as ask,
        pytest.raises(DoesNotAnswer, match="takes more than 5 s"),
    ):
        ask(EXAMPLE)
    assert time.monotonic() - begun < 15


def test_what_is_no_answer_is_refused_with_the_clip(tmp_path):
    with (
        asked(mine(tmp_path, "pass"), tmp_path, limit_s=60) as ask,
        pytest.raises(BadInput, match=r"docs/handoff.md says, but returns nothing, .* `tiny`"),
    ):
        ask(EXAMPLE)


@pytest.mark.parametrize(
    ("made", "because"),
    [
        ("raise KeyError('weights')", r"but raises KeyError: 'weights' \(line 6 of mine.py\)"),
        ("time.sleep(60)", r"must load, but takes more than 1 s"),
        ("os.abort()", "must load, but ends its process with the code"),
    ],
)
def test_what_does_not_load_is_refused(made, because, tmp_path):
    limit_s = 1 if "sleep" in made else 60
    named = mine(tmp_path, "pass", made)
    with pytest.raises(BadInput, match=because), asked(named, tmp_path, limit_s=limit_s):
        pass


def test_its_process_sees_the_paths_of_this_one_and_none_of_the_current_folder(
    tmp_path, monkeypatch
):
    (tmp_path / "numpy.py").write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    body = "return {'text': repr(sys.path)}"
    with asked(mine(tmp_path / "own", body), tmp_path, limit_s=60) as ask:
        said = ask(EXAMPLE).text
    assert said == repr([*sys.path, str(tmp_path / "own")])


def test_an_object_is_asked_here_by_the_same_rules(tmp_path):
    class Mine:
        def ask(self, example):
            return {"text": example.clip} if example.language_id is None else 1 / 0

    assert name_of(Mine()) == "Mine"
    with asked(Mine(), tmp_path, limit_s=1) as ask:
        assert ask(EXAMPLE).text == "tiny"
        with pytest.raises(DoesNotAnswer, match="`Mine` raises ZeroDivisionError"):
            ask(Example(**{**vars(EXAMPLE), "language_id": 3}))


def test_its_process_ends_with_the_context(tmp_path):
    told = tmp_path / "pid"
    body = f"open({str(told)!r}, 'w').write(str(os.getpid())); return {{'text': ''}}"
    with asked(mine(tmp_path, body), tmp_path, limit_s=60) as ask:
        ask(EXAMPLE)
        assert Path(f"/proc/{told.read_text()}").exists()
    assert not Path(f"/proc/{told.read_text()}").exists()
