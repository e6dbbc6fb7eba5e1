from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.examples import AUDIO, TEXT
from toolkit.examples.medium import MEDIA, expect_medium
from toolkit.session.requests.verify import Verify


def test_every_medium_is_a_field_of_requests() -> None:
    for medium in MEDIA:
        request = Verify(Path("model.pt"), Path("hf"), **{medium.name: [Path("a")]})
        assert request.named(medium) == (Path("a"),)


def test_nothing_named_means_the_golden_examples() -> None:
    assert Verify(Path("model.pt"), Path("hf")).named(TEXT) == ()


def test_clips_are_refused_of_a_model_that_reads() -> None:
    with pytest.raises(BadInput, match="`--audio` must name what the model is asked about"):
        Verify(Path("model.pt"), Path("hf"), audio=[Path("a")]).named(TEXT)


def test_sentences_are_refused_of_a_model_that_hears() -> None:
    with pytest.raises(
        BadInput, match="but that is clips, not sentences. Name them with `--audio`"
    ):
        expect_medium(AUDIO, ["text"])
