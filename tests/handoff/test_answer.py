"""What a runner returns is read as plain data, or refused by what it is."""

import numpy as np
import pytest

from toolkit.core.errors import BadInput
from toolkit.handoff.answer import Answer, NoAnswer, expect_names, read_answer

FLOATS = np.zeros((1, 2, 3), dtype=np.float32)


def test_arrays_tokens_text_and_hypotheses_are_read_by_their_names():
    said = {
        "logits": FLOATS.astype(">f8"),
        "tokens": np.array([4, 5]),
        "text": "ab",
        "hypotheses": [([4, 5], -0.5), ([4], np.float32(-1))],
    }
    answer = read_answer(said)
    assert answer.arrays["logits"].dtype == np.dtype("float32")
    assert answer.arrays["logits"].shape == (1, 2, 3)
    assert (answer.tokens, answer.text) == ((4, 5), "ab")
    assert answer.hypotheses == (((4, 5), -0.5), ((4,), -1.0))
    assert answer.names == {"logits", "tokens", "text", "hypotheses"}


def test_a_buffer_that_is_written_again_changes_no_answer():
    buffer = FLOATS.copy()
    answer = read_answer({"logits": buffer})
    buffer += 1
    assert answer.arrays["logits"].max() == 0


def test_a_number_too_large_for_float32_is_infinite():
    assert np.isinf(read_answer({"logits": np.array([1e300])}).arrays["logits"]).all()


def test_nothing_said_is_no_empty_hypothesis():
    assert read_answer({"tokens": []}).tokens == ()
    assert read_answer({"text": ""}).tokens is None


@pytest.mark.parametrize(
    ("said", "because"),
    [
        (None, "returns nothing, and no mapping of names to arrays"),
        (FLOATS, "returns a ndarray, and no mapping"),
        ({1: FLOATS}, "returns a dict, and no mapping of names"),
        ({}, "returns an empty mapping"),
        ({"logits": None}, "returns `logits` with the dtype object, and no floats"),
        ({"logits": FLOATS.astype(int)}, "returns `logits` with the dtype int64, and no floats"),
        ({"logits": FLOATS.astype(complex)}, "with the dtype complex128"),
        ({"logits": "high"}, "returns `logits` with the dtype <U4"),
        ({"logits": [[1.0], [1.0, 2.0]]}, "returns a list as `logits`, no array"),
        ({"tokens": [1.5]}, "returns `tokens` with the shape (1,) and the dtype float64"),
        ({"tokens": np.array([[1]])}, "returns `tokens` with the shape (1, 1)"),
        ({"tokens": 7}, "returns a int as `tokens`, no ids"),
        ({"text": b"ab"}, "returns a bytes as `text`, no text"),
        ({"hypotheses": [[1, 2, 3]]}, "returns a list as `hypotheses`, no pairs"),
        ({"hypotheses": [([1], "best")]}, "no pairs of ids and score"),
        ({"hypotheses": [([1], float("nan"))]}, "no pairs of ids and score"),
    ],
)
def test_what_is_no_answer_is_told(said, because):
    with pytest.raises(NoAnswer) as caught:
        read_answer(said)
    assert because in str(caught.value)


def test_a_name_that_nobody_asked_for_is_refused_beside_all_that_there_are():
    answer = Answer(arrays={"logit": FLOATS, "logits": FLOATS})
    with pytest.raises(BadInput) as caught:
        expect_names("mine.py:Mine", answer, {"logits", "input_values"})
    assert str(caught.value) == (
        "`mine.py:Mine` must return any of input_values, logits, but returns `logit`. Rename it, "
        "or leave it out."
    )


def test_an_input_alone_is_nothing_of_the_model():
    with pytest.raises(BadInput, match="nothing that the model makes of a clip"):
        expect_names("mine", Answer(arrays={"input_values": FLOATS}), {"input_values", "text"})
