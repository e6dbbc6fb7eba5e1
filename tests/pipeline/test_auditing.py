"""A folder is audited where nothing else is: no checkpoint, no fairseq."""

import shutil

import pytest

from toolkit import BadInput, audit, convert
from toolkit.audio import golden_folder


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    place = tmp_path_factory.mktemp("proven")
    shutil.copytree(golden_folder() / "ctc", place / "taken")
    out = place / "hf"
    convert(place / "taken" / "model.pt", out, verify=True, audio=[golden_folder() / "tiny.flac"])
    shutil.rmtree(place / "taken")
    return out


def test_a_folder_that_was_proven_is_a_match_without_its_checkpoint(proven):
    heard = []
    audited = audit(proven, progress=lambda *step: heard.append(step))
    assert audited.verdict == "match"
    assert audited.verification.result.verdict == "match"
    what, done, total, unit = heard[-1]
    assert (what, unit) == ("reading the files", "bytes")
    assert 0 < done <= total


def test_what_is_no_seal_is_refused_before_anything_is_read():
    with pytest.raises(BadInput, match="`--seal` must be 64 digits of a sha256"):
        audit("nowhere", seal="ab")
