"""Filter banks by torchaudio, of which one module alone is imported."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from toolkit.oracle.mends import kaldi
from toolkit.oracle.mends.kaldi import find_torchaudio, kaldi_alone
from toolkit.oracle.refusal import Refusal


def torchaudios() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]


def test_the_module_is_imported_and_nothing_of_it_stays() -> None:
    with kaldi_alone():
        import torchaudio.compliance.kaldi as alone

        assert callable(alone.fbank)
    assert torchaudios() == []


def test_nothing_stays_after_an_error_either() -> None:
    with pytest.raises(ZeroDivisionError), kaldi_alone():
        raise ZeroDivisionError
    assert torchaudios() == []


def test_a_torchaudio_that_is_imported_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ModuleType("torchaudio")
    monkeypatch.setitem(sys.modules, "torchaudio", own)
    with kaldi_alone():
        assert sys.modules["torchaudio"] is own
    assert sys.modules["torchaudio"] is own


def test_an_installed_one_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "torchaudio"
    (package / "compliance").mkdir(parents=True)
    (package / "__init__.py").write_text("raise OSError('no such library')\n")
    (package / "compliance" / "kaldi.py").write_text("fbank = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_torchaudio() == str(package)
    with kaldi_alone():
        import torchaudio.compliance.kaldi as alone

        assert alone.fbank is None


def test_where_there_is_none_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kaldi, "ASIDE", str(tmp_path))
    with pytest.raises(Refusal, match=f"pip install --no-deps --target {tmp_path} torchaudio"):
        find_torchaudio()
