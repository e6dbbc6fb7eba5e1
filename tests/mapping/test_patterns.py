import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.errors import BrokenRule
from toolkit.mapping.patterns import fill, match, shorten

WORDS = st.text(alphabet="abcxyz_", min_size=1, max_size=5)
LITERALS = st.text(alphabet="abc_.*+?()[]^$|\\0", min_size=1, max_size=6)
INDICES = st.integers(0, 10**6).map(str)


@st.composite
def slots(draw):
    """A slot and a value that it must take."""
    if draw(st.booleans()):
        return "{i}", draw(INDICES)
    words = draw(st.lists(WORDS, min_size=2, max_size=4))
    return "{" + "|".join(words) + "}", draw(st.sampled_from(words))


@st.composite
def patterns(draw):
    """A pattern whose slots no digit or word letter touches, and values for them."""
    chosen = draw(st.lists(slots(), max_size=4))
    parts = [draw(LITERALS)]
    for slot, _ in chosen:
        parts += ["/", slot, "/", draw(LITERALS)]
    return "".join(parts), tuple(value for _, value in chosen)


@given(patterns())
def test_a_filled_pattern_matches_with_the_values_it_was_filled_with(case):
    pattern, values = case
    assert match(pattern, fill(pattern, values)) == values


@given(patterns(), st.text(min_size=1, max_size=3))
def test_only_the_whole_name_matches(case, extra):
    pattern, values = case
    name = fill(pattern, values)
    assert match(pattern, f"x{name}") is None
    assert match(pattern, f"{name}/{extra}") is None
    assert match(pattern, f"{name}\n") is None


def test_neither_prefix_nor_suffix_nor_substring_matches():
    for name in ("model.fc1.weight", "fc1.weight_g", "fc1.weigh", "fc1.weight\n", "fc1xweight"):
        assert match("fc1.weight", name) is None


@pytest.mark.parametrize("index", ["0", "7", "10", "123456789012345678901"])
def test_a_plain_index_matches(index):
    assert match("layers.{i}.bias", f"layers.{index}.bias") == (index,)


@pytest.mark.parametrize("index", ["", "00", "01", "-1", "+1", "1.0", "a", "1_0", "٣", "²", " 1"])
def test_nothing_but_a_plain_index_matches_an_index_slot(index):
    assert match("layers.{i}.bias", f"layers.{index}.bias") is None


@given(st.text(max_size=6))
def test_an_index_slot_takes_exactly_what_python_writes_for_a_number(text):
    plain = text.isascii() and text.isdigit() and str(int(text)) == text
    assert (match("l.{i}", f"l.{text}") is not None) == plain


def test_a_word_slot_takes_its_words_and_no_other():
    pattern = "fc.{weight|weight_g|bias}"
    assert match(pattern, "fc.weight_g") == ("weight_g",)
    for name in ("fc.weight_v", "fc.", "fc.weightbias", "fc.weight|bias"):
        assert match(pattern, name) is None


def test_characters_that_mean_something_to_regular_expressions_stand_for_themselves():
    assert match("a.b*{x.|y+}", "a.b*x.") == ("x.",)
    assert match("a.b*{x.|y+}", "aXbb*xz") is None


@pytest.mark.parametrize(
    "slot", ["{}", "{j}", "{weight}", "{a|}", "{|}", "{a||b}", "{i }", "{I}", "{0}"]
)
def test_a_slot_of_another_kind_is_a_broken_rule(slot):
    with pytest.raises(BrokenRule, match=r"has the slot .* Correct the pattern"):
        match(f"layers.{slot}.weight", "layers.0.weight")


@given(patterns(), st.lists(INDICES, max_size=6).map(tuple))
def test_another_number_of_values_is_a_broken_rule(case, values):
    pattern, right = case
    if len(values) != len(right):
        with pytest.raises(BrokenRule, match=f"{len(right)} slots, .* has {len(values)}"):
            fill(pattern, values)


def test_a_value_with_braces_is_not_filled_again():
    assert fill("{i}.{i}", ("{i}", "1")) == "{i}.1"


def test_of_many_words_in_a_slot_a_person_reads_the_first():
    many = "|".join(f"w{number}" for number in range(20))
    assert shorten(f"a.{{{many}}}.{{i}}.{{weight|bias}}") == "a.{w0|w1|w2|…}.{i}.{weight|bias}"
