import json
import math
from dataclasses import replace

import pytest

from tests.core.samples import LEVEL, TOKENS, level, measure
from tests.levels import LEVEL_NAMES
from toolkit.core.artifact import SCHEMA_VERSION, Artifact
from toolkit.core.coverage import ClipCoverage, Coverage, Reason
from toolkit.core.findings import Finding, Hypothesis
from toolkit.core.measures import Level
from toolkit.core.result import Caution, Deviation, ModuleRow, Result, Suspicion
from toolkit.core.tokens import ClipTokens

ARTIFACT = Artifact(path="model.pt", sha256="0" * 64)
FINDING = Finding(
    kind="weights", target_module="encoder", summary="It differs.", fix="Correct the rule."
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


def result(**changes):
    levels = tuple(replace(LEVEL, name=name) for name in LEVEL_NAMES)
    return Result(
        **{"command": "verify", "source": ARTIFACT, "target": ARTIFACT, "levels": levels, **changes}
    )


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.0, "pass"), (1e-9, "pass"), (1e-8, "fail"), (math.nan, "fail")]
)
def test_a_module_is_judged_by_its_isolated_error_alone(error, verdict):
    row = replace(ROW, isolated_error=error, propagated_ratio=1e9)
    assert row.verdict == verdict


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
        cautions=(Caution(name="c", summary="s", where="w", max_error=math.nan),),
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
    assert values["cautions"] == [{"name": "c", "summary": "s", "where": "w", "max_error": "nan"}]
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


def test_a_result_is_one_line_and_a_notebook_shows_findings_before_levels():
    result = Result(
        command="diff",
        source=ARTIFACT,
        target=Artifact(path="out", sha256=None),
        levels=(LEVEL,),
        findings=(FINDING,),
        assumptions=(Reason(name="heads", because="assumed 1"),),
    )
    assert repr(result) == "<Result: mismatch (1 pass): model.pt → out>"
    page = result._repr_html_()
    assert page.index("It differs.") < page.index("Correct the rule.") < page.index(LEVEL.summary)
    assert "assumed 1" in page


def test_a_result_of_nothing_is_one_line_too():
    result = Result(command="convert", source=ARTIFACT, target=ARTIFACT)
    assert repr(result) == "<Result: unverified: model.pt → model.pt>"
