"""fairseq is imported without the packages that score what nothing here asks for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.sampling import wide

IMPORTED = """
import sys
{how}
print(sorted(name for name in ("sklearn", "sklearn.metrics", "scipy.stats") if name in sys.modules))
"""
SPARING = "from toolkit.oracle.mends.imports import import_fairseq; import_fairseq()"
SCORING = f"""
{SPARING}
from fairseq.criterions import sentence_prediction
from fairseq.tasks import audio_classification
print(sentence_prediction.f1_score([1, 0, 1], [1, 0, 1]))
print(audio_classification.sklearn_metrics.accuracy_score([1, 0], [1, 1]))
import sklearn
print(sklearn.__version__ > "1", sys.modules["sklearn.metrics"].f1_score.__module__)
"""


def said(code):
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return run.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("how", "found"),
    [wide(SPARING, False, id="spared"), wide("import fairseq", True, id="as it is")],
)
def test_what_takes_long_is_imported_by_fairseq_alone(how, found):
    assert (said(IMPORTED.format(how=how)) != ["[]"]) == found


@pytest.mark.wide
def test_what_was_spared_is_there_when_somebody_scores():
    f1, accuracy, real = said(IMPORTED.format(how=SCORING))[:3]
    assert (float(f1), float(accuracy)) == (1.0, 0.5)
    assert real == "True sklearn.metrics._classification"


@pytest.mark.wide
def test_what_was_imported_before_stays():
    same = "sys.modules['sklearn.metrics'] is real"
    assert said(f"import sys, sklearn.metrics as real\n{SPARING}\nprint({same})") == ["True"]
