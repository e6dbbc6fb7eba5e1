import io
import json
import sys
from types import SimpleNamespace

import pytest

from toolkit.folder import tokenizer_trial
from toolkit.folder.tokenizer_trial import maybe_misbehaviour


def described(converted, **changes):
    said = json.loads((converted / "tokenizer.json").read_text(encoding="utf-8"))
    return json.dumps({**said, **changes}).encode()


def test_a_right_tokenizer_does_nothing_wrong(converted):
    assert maybe_misbehaviour(described(converted)) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"model": 3}'])
def test_what_is_refused_in_good_order_is_left_to_whoever_reads_it(content):
    assert maybe_misbehaviour(content) is None


def test_a_panic_is_told(converted):
    broken = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    said = maybe_misbehaviour(described(converted, normalizer=broken))
    assert said == "the library of tokenizers panics over it"


def test_a_tokenizer_that_takes_too_long_is_told(converted, monkeypatch):
    monkeypatch.setattr(tokenizer_trial, "MAX_WALL_S", 0.01)
    assert maybe_misbehaviour(described(converted) + b" ") == ("reading it takes more than 0.01 s")


def test_what_was_tried_is_not_tried_again(converted, monkeypatch):
    content = described(converted)
    maybe_misbehaviour(content)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("it was tried"))
    assert maybe_misbehaviour(content) is None


def test_a_system_without_bounds_for_a_process_tries_all_the_same(converted, monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    for content, code in [(described(converted), 0), (b"{}", tokenizer_trial._REFUSED)]:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        assert tokenizer_trial.main() == code
