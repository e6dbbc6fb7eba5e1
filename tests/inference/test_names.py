"""Words mean the same, whatever their author's taste."""

import pytest

from toolkit.inference.names import Vocabulary, tokens

TARGET = ("layers.{i}.self_attn.q_proj.weight", "layers.{i}.fc1.bias", "final_layer_norm.weight")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("q_proj", "query_proj"),
        ("wq", "query"),
        ("fc1", "w1"),
        ("LayerNorm", "norm"),
        ("kernel", "weight"),
        ("encoder_attn", "cross"),
    ],
)
def test_two_words_mean_the_same(one: str, other: str) -> None:
    assert tokens(one) & tokens(other)


def test_a_letter_behind_a_digit_means_nothing() -> None:
    assert "bias" not in tokens("m22b6")
    assert "bias" in tokens("b2")


def test_the_likeliest_of_several_is_the_one_that_means_the_same() -> None:
    vocabulary = Vocabulary(TARGET)

    def liked(source: str) -> str:
        return max(TARGET, key=lambda target: vocabulary.likeness(source, target))

    assert liked("blocks.{i}.mha.wq.kernel") == TARGET[0]
    assert liked("blocks.{i}.ffn.w1.b") == TARGET[1]
    assert liked("norm_last.gamma") == TARGET[2]
    assert vocabulary.likeness("x.y.z", TARGET[0]) == 0
