"""Which patterns are tame: those that models came with are, those that explode are not."""

import pytest

from toolkit.folder.tokenizer_patterns import MAX_CHARS, find_objections, is_tame

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}]+[\p{Ll}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+"
)


@pytest.mark.parametrize(
    "pattern",
    [
        *(GPT2, LLAMA3, O200K, "", " {2,}", r"\s+", r"[0-9][0-9][0-9]", r"^\s+|\s+$", r"(?:ab)+"),
        *(r"\d{3}", r"\(a+\)+", r"[)+(]+", r"[^[:alpha:]]+", r"(?:ab|cd)?", r"(?:a+)?", r"a{,3}"),
        *(r"(?i)abc", r"(?<!a)b", r"{", r"a{b}", r"\{2,\}+", r"{}?", r"a{,}"),
    ],
)
def test_a_pattern_that_takes_little_time_is_tame(pattern):
    assert is_tame(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"(a+)+", r"(a*)*", r"(a+){2,}", r"(a{1,2})*", r"((a)?b)*", r"(?:(?:a+)b)+", r"(a|a)*"),
        *(r"(a|ab)+?", r"(?>a+)+", r"(?=a+)+", r"a{1,2}{1,2}", r"a+{2}", r"(a?)*", r"(b|(a))+"),
        *(r"(a)\1", r"\k<x>", r"\g<0>", r"\Qx\E", r"(?<x>a)", r"(?#x)", r"(?x:a +)", r"(?(1)a)"),
        *(r"[[a])(]", r"[a&&b]", r"[]", r"(", r")", r"a)(", "\\", r"(?", r"(?~a)", r"(?R)"),
        *(r"a{1001}", r"a{0,99999}", r".*.*.*.*", r"(.*)(.*)(.*)(.*)", r"a?" * 9, "(a|b)" * 9),
        *(r"(a+[[x])(]a)+", "a" * (MAX_CHARS + 1)),
    ],
)
def test_a_pattern_that_may_take_any_time_is_not(pattern):
    assert not is_tame(pattern)


def described(part, **step):
    return {"model": {}, part: {"type": "Sequence", "steps": [{"type": "X", **step}]}}


@pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer", "decoder"])
def test_patterns_are_found_wherever_they_work(part):
    assert not list(find_objections(described(part, pattern={"Regex": "a+"}, content="b")))
    (objection,) = find_objections(described(part, pattern={"Regex": "(a+)+"}, content="b"))
    assert objection == f"`{part}` has the pattern `(a+)+`, which may take any time"


def test_texts_in_place_of_patterns_are_no_patterns():
    assert not list(find_objections(described("normalizer", pattern={"String": "(a+)+"})))


@pytest.mark.parametrize("key", ["content", "prepend", "replacement"])
def test_replacements_may_not_make_a_text_any_longer(key):
    steps = [{"pattern": {"String": "a"}, key: "aa"}] * 12
    assert not list(find_objections({"normalizer": steps}))
    (objection,) = find_objections({"normalizer": steps * 2})
    assert "times as long" in objection


@pytest.mark.parametrize("said", [None, [], 3, {}, {"normalizer": 3}, {"decoder": [None]}])
def test_what_is_no_tokenizer_is_left_to_whoever_reads_it(said):
    assert not list(find_objections(said))
