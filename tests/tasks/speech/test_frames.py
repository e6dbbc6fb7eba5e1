import pytest
import torch

from toolkit.oracle.asking import Pass
from toolkit.tasks.speech.frames import follow_best, follow_result, only_frames


def passed(**outputs):
    return Pass(outputs=outputs, calls={})


def frames(seed=0, width=5):
    return torch.randn(1, 12, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("features", "Features"),
        ("logits", "Scores of the letters"),
        ("encoder_out", "What the decoder hears"),
    ],
)
def test_what_has_frames_is_followed_by_name(name, words):
    expected = frames()
    wrong = expected.clone()
    wrong[0, 4] += 1
    followed = follow_result(passed(**{name: expected}), passed(**{name: wrong}), 1e-6)
    assert (followed.name, followed.wrong) == (words, 1)


def test_of_a_decoders_tokens_no_letters_are_followed():
    tokens = passed(logits=frames(0), encoder_out=frames(1))
    assert follow_result(tokens, tokens, 1e-6).name == "What the decoder hears"
    assert follow_best(tokens, tokens) is None


def test_letters_are_followed_where_frames_have_them():
    expected, actual = passed(logits=frames(0)), passed(logits=-frames(0))
    assert follow_best(expected, expected).wrong == 0
    assert follow_best(expected, actual).wrong == 12


def test_what_is_said_of_a_whole_clip_has_no_frames():
    pooled = passed(logits=torch.ones(1, 3))
    assert follow_result(pooled, pooled, 1e-6) is None
    assert follow_best(pooled, pooled) is None


def test_only_what_has_frames_is_kept_of_a_pass():
    assert list(only_frames(passed(features=frames(), codes=frames(1))).outputs) == ["features"]


def test_an_output_that_one_side_lacks_is_not_followed():
    assert follow_result(passed(features=frames()), passed(codes=frames()), 1e-6) is None
    # A recording without the encoder's output has tokens alone, which are not along time.
    decoded = passed(logits=frames(), encoder_out=frames(1))
    assert follow_result(passed(logits=frames()), decoded, 1e-6) is None
    assert follow_best(passed(logits=frames()), decoded) is None
