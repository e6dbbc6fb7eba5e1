import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.levels import LEVEL_NAMES
from toolkit.core.result import (
    SCHEMA_VERSION,
    Artifact,
    ClipCoverage,
    ClipTokens,
    Coverage,
    Deviation,
    Finding,
    Hypothesis,
    Level,
    Measure,
    ModuleRow,
    Reason,
    Result,
    Suspicion,
    TokenComparison,
)

MEASURE = Measure(name="weights", where="w", error=0.0, tolerance=1e-6, unit="relative", compared=3)
LEVEL = Level(name="weights", measures=(MEASURE,), summary="Three tensors agree.")
ARTIFACT = Artifact(path="model.pt", sha256="0" * 64)
FINDING = Finding(
    kind="weights", target_module="encoder", summary="It differs.", fix="Correct the rule."
)
TOKENS = TokenComparison(
    reference=(5, 6, 2),
    converted=(5, 6, 2),
    reference_text="a",
    converted_text="a",
    reference_score=-0.1,
    converted_score=-0.1,
    margin=0.5,
)
ROW = ModuleRow(
    target="encoder",
    source="encoder.w2v_encoder",
    kind="Wav2Vec2Model",
    shape=(1, 5, 48),
    axes="B T D",
    isolated_error=1e-12,
    isolated_tolerance=1e-9,
    propagated_ratio=None,
    propagated_tolerance=10.0,
    clip="en_1",
)
COVERAGE = Coverage(
    source_used=2,
    source_dropped=(Reason(name="decoder.version", because="it counts"),),
    source_total=3,
    target_compared=2,
    target_total=2,
    modules_compared=1,
    modules_total=2,
    parameterized_compared=1,
    parameterized_total=1,
    uncompared=(Reason(name="encoder.dropout", because="no output"),),
    clips=(ClipCoverage(name="en_1", duration_s=1.7, frames=87, frames_not_compared=1),),
)


def measure(**changes):
    return replace(MEASURE, **changes)


def level(*measures):
    return replace(LEVEL, measures=measures)


def result(**changes):
    levels = tuple(replace(LEVEL, name=name) for name in LEVEL_NAMES)
    return Result(
        **{"command": "verify", "source": ARTIFACT, "target": ARTIFACT, "levels": levels, **changes}
    )


# Measures


@pytest.mark.parametrize(("error", "verdict"), [(0.0, "pass"), (1e-6, "pass"), (2e-6, "fail")])
def test_a_measure_passes_up_to_its_tolerance_and_no_further(error, verdict):
    assert measure(error=error).verdict == verdict


def test_a_measure_that_is_no_number_fails():
    assert measure(error=math.nan).verdict == "fail"
    assert measure(error=math.nan, tolerance=math.inf).verdict == "fail"
    assert measure(error=math.inf).verdict == "fail"


@pytest.mark.parametrize("declared", [False, True])
def test_a_measure_that_compared_nothing_fails(declared):
    assert measure(compared=0, declared=declared).verdict == "fail"


def test_a_declared_excess_is_a_deviation_and_a_declared_agreement_passes():
    assert measure(error=1.0, declared=True).verdict == "deviation"
    assert measure(declared=True).verdict == "pass"


@settings(deadline=None)
@given(st.floats(min_value=0, allow_nan=False), st.floats(min_value=0, allow_nan=False))
def test_the_smallest_passing_tolerance_passes(error, tolerance):
    smallest = measure(error=error, tolerance=tolerance).to_dict()["smallest_passing_tolerance"]
    assert measure(error=error, tolerance=smallest).verdict == "pass"


# Levels


def test_a_level_without_measures_fails():
    assert level().verdict == "fail"
    assert level().worst is None
    assert level().to_dict()["worst"] is None


@pytest.mark.parametrize(
    ("measures", "verdict"),
    [
        ([measure()], "pass"),
        ([measure(), measure(error=1.0, declared=True)], "deviation"),
        ([measure(error=1.0, declared=True), measure(error=1.0)], "fail"),
        ([measure(), measure(compared=0)], "fail"),
    ],
)
def test_a_level_is_as_good_as_its_worst_measure(measures, verdict):
    assert level(*measures).verdict == level(*reversed(measures)).verdict == verdict


def test_the_worst_measure_is_the_one_furthest_beyond_its_tolerance():
    near, far = measure(where="near", error=2e-6), measure(where="far", error=9e-6)
    big = measure(where="big", error=5.0, tolerance=10.0)
    declared = measure(where="declared", error=1e9, declared=True)
    assert level(near, far, big, declared).worst is far


def test_a_measure_that_is_no_number_is_the_worst():
    nothing = measure(where="nan", error=math.nan)
    assert level(measure(error=1e9), nothing, measure(error=2.0, tolerance=0.0)).worst is nothing


def test_a_tolerance_of_zero_is_no_division_by_zero():
    assert level(measure(error=0.0, tolerance=0.0)).verdict == "pass"
    assert level(measure(error=1.0, tolerance=0.0)).worst.error == 1.0


# Tokens and modules


@pytest.mark.parametrize(
    ("converted", "first"),
    [
        ((5, 6, 2), None),
        ((4, 6, 2), 0),
        ((5, 6, 3), 2),
        ((5, 6), 2),
        ((), 0),
        ((5, 6, 2, 2), 3),
    ],
)
def test_the_first_difference_is_the_first_index_at_which_the_tokens_part(converted, first):
    tokens = replace(TOKENS, converted=converted)
    assert (tokens.equal, tokens.first_difference) == (first is None, first)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_before_the_first_difference_all_tokens_are_equal(left, right):
    first = replace(TOKENS, reference=tuple(left), converted=tuple(right)).first_difference
    if first is None:
        assert left == right
    else:
        assert left[:first] == right[:first]
        assert left[first : first + 1] != right[first : first + 1]


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.0, "pass"), (1e-9, "pass"), (1e-8, "fail"), (math.nan, "fail")]
)
def test_a_module_is_judged_by_its_isolated_error_alone(error, verdict):
    row = replace(ROW, isolated_error=error, propagated_ratio=1e9)
    assert row.verdict == verdict


# Results


def test_nothing_verified_is_no_match():
    assert result(levels=()).verdict == "unverified"


def test_all_levels_together_are_a_match():
    assert result().verdict == "match"


def test_a_declared_deviation_keeps_a_match():
    deviation = level(measure(error=1.0, declared=True))
    assert result(levels=(LEVEL, deviation)).verdict == "match"


@pytest.mark.parametrize("index", range(len(LEVEL_NAMES)))
def test_any_failing_level_is_a_mismatch(index):
    levels = list(result().levels)
    levels[index] = replace(levels[index], measures=())
    assert result(levels=tuple(levels)).verdict == "mismatch"


def test_a_finding_is_a_mismatch_even_where_every_level_passes():
    assert result(findings=(FINDING,)).verdict == "mismatch"


def test_a_level_is_found_by_its_name():
    assert result().level("padding").name == "padding"
    with pytest.raises(KeyError):
        result().level("volume")
    with pytest.raises(KeyError):
        result(levels=()).level("weights")


def test_a_full_result_becomes_strict_json():
    full = result(
        levels=(level(measure(error=math.nan), measure(error=-math.inf)),),
        coverage=COVERAGE,
        deviations=(Deviation(name="d", summary="s", where="w", max_error=math.inf),),
        suspicious=(Suspicion(name="transcripts", summary="s"),),
        findings=(
            replace(FINDING, hypothesis=Hypothesis(name="swapped", confirmed=True)),
            replace(FINDING, evidence={"errors": (math.nan, [math.inf])}),
        ),
        tokens=(
            ClipTokens(
                clip="en_1", transcript=None, greedy=TOKENS, beam=(TOKENS,), pipeline_text="a"
            ),
        ),
        modules=(replace(ROW, isolated_error=math.inf),),
        assumptions=(Reason(name="n", because="b"),),
        environment={"python": "3.11"},
    )
    values = json.loads(json.dumps(full.to_dict(), allow_nan=False))
    assert values["schema_version"] == SCHEMA_VERSION
    assert values["suspicious"] == [{"name": "transcripts", "summary": "s"}]
    assert values["verdict"] == "mismatch"
    assert [f["rank"] for f in values["findings"]] == [1, 2]
    assert values["findings"][1]["evidence"] == {"errors": ["nan", ["inf"]]}
    assert values["levels"]["weights"]["measures"][1]["error"] == "-inf"
    assert values["modules"][0]["verdict"] == "fail"
    assert values["tokens"]["en_1"]["equal"] is True
    assert values["coverage"]["modules"]["parameterized"] == {"compared": 1, "total": 1}


def test_an_unverified_result_becomes_strict_json():
    bare = result(command="convert", levels=(), unverified_because="fairseq is not installed")
    values = json.loads(json.dumps(bare.to_dict(), allow_nan=False))
    assert (values["verdict"], values["coverage"], values["levels"]) == ("unverified", None, {})


def test_a_level_that_was_left_out_is_unverified_and_spoils_no_match():
    left_out = Level(name="beam", measures=(), summary="not compared", left_out=True)
    result = Result(command="verify", source=ARTIFACT, target=ARTIFACT, levels=(LEVEL, left_out))
    assert left_out.verdict == "unverified"
    assert result.verdict == "match"
    assert result.to_dict()["levels"]["beam"] == {
        "verdict": "unverified",
        "worst": None,
        "smallest_passing_tolerance": None,
        "summary": "not compared",
        "clips": None,
        "measures": [],
    }
