"""Known transcripts of which none comes out speak against the files, not against the folder."""

from __future__ import annotations

import pytest

from toolkit.compare.evidence import MAX_SHOWN, is_near, judge_transcripts
from toolkit.core.tokens import ClipTokens, TokenComparison

FILES = ("the dictionary `/data/dict.txt`", "the sentencepiece model `/data/spm.model`")


def heard(text):
    return TokenComparison(
        reference=(),
        converted=(),
        reference_text=text,
        converted_text=text,
        reference_score=0.0,
        converted_score=0.0,
        margin=None,
    )


def spoken(*pairs, beam=()):
    return [
        ClipTokens(
            clip=f"clip_{i}",
            transcript=transcript,
            greedy=heard(text),
            beam=tuple(map(heard, beam)),
            pipeline_text=text,
        )
        for i, (transcript, text) in enumerate(pairs)
    ]


WRONG = (("The golden bell rings.", "KIluinluin"), ("Мама мыла раму.", "KImluinluinlu"))


def test_none_that_comes_out_is_suspicious_and_shown_with_the_files():
    (suspicion,) = judge_transcripts(spoken(*WRONG), FILES)
    assert suspicion.name == "transcripts"
    assert '`clip_0` "The golden bell rings." -> "KIluinluin"' in suspicion.summary
    assert '"Мама мыла раму." -> "KImluinluinlu"' in suspicion.summary
    assert all(file in suspicion.summary for file in FILES)


def test_where_no_file_says_what_ids_mean_none_is_to_be_checked():
    (suspicion,) = judge_transcripts(spoken(*WRONG), ())
    assert "Check" not in suspicion.summary
    assert "not trained says other words" in suspicion.summary


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        WRONG[:1],
        ((None, "KIluinluin"), (None, "KIluinluin"), *WRONG[:1]),
        (("", "KIluinluin"), ("...!", "KIluinluin"), *WRONG[:1]),
        (*WRONG, ("Schöne Grüße!", "schone gruße")),
        ((WRONG[0][0], "the golden bell"), WRONG[1]),
    ],
    ids=["no clips", "one", "no transcripts", "no words", "one comes out", "one comes near"],
)
def test_less_than_two_wrong_ones_and_any_right_one_are_not_suspicious(pairs):
    assert judge_transcripts(spoken(*pairs), FILES) == ()


def test_the_best_hypothesis_of_a_beam_counts_and_the_second_does_not():
    right = "The golden bell rings."
    assert not judge_transcripts(spoken(*WRONG, beam=(right, "x")), FILES)
    assert judge_transcripts(spoken(*WRONG, beam=("x", right)), FILES)


def test_the_warning_is_bounded():
    (suspicion,) = judge_transcripts(spoken(*[("word " * 500, "x" * 5000)] * 5), FILES)
    assert suspicion.summary.count(" -> ") == MAX_SHOWN
    assert len(suspicion.summary) < 1000


@pytest.mark.parametrize(
    ("text", "transcript", "near"),
    [
        ("hello, WORLD", "Hello world!", True),
        ("help world", "Hello world!", True),
        ("こんにちは世界", "こんにちは、世界。", True),
        ("नमस्ते दुनिया", "नमस्ते, दुनिया!", True),
        ("", "Hello", False),
        ("dlrow olleh", "Hello world", False),
        ("hello world " * 3, "Hello world", False),
        ("ab", "axyz", False),
    ],
)
def test_near_is_less_than_half_of_the_characters_wrong(text, transcript, near):
    assert is_near(text, transcript) is near
