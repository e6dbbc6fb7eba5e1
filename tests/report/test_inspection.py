"""An inspection as people read it."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from toolkit.core.artifact import Artifact
from toolkit.core.coverage import Reason
from toolkit.core.inspection import ConfigField, Inspection
from toolkit.core.spec import NotFinite
from toolkit.report.inspection import MAX_LINES, print_inspection, render_inspection, summarize

REASON = Reason(name="encoder.num_attention_heads", because="assumed 1: heads are usually 64 wide")
PLAIN = Inspection(
    source=Artifact(path="model.pt", sha256="0" * 64),
    format="zip",
    family="xm_transformer",
    generation="v0",
    architecture="xm_transformer",
    tensors=2,
    parameters=12,
    dtypes={"float32": 2},
    has_optimizer_state=False,
    fields=(ConfigField(name="encoder.hidden_size", value=48, evidence="shape of x"),),
    assumptions=(),
    unknown=(),
    refusals=(),
    shortcomings=(),
    dropped=(),
    languages=("en",),
    sidecars={"dictionary": "dict.txt"},
)


@pytest.fixture(params=["terminal", "page"])
def show(request):
    """The words of an inspection, in the terminal or on its page."""

    def terminal(inspection):
        file = io.StringIO()
        print_inspection(inspection, Console(file=file, width=200, color_system=None))
        return file.getvalue()

    return {"terminal": terminal, "page": render_inspection}[request.param]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "stock transformers classes, exact"),
        ({"shortcomings": (REASON,)}, "classes that the folder carries, exact"),
        ({"unknown": (REASON,)}, "needs values"),
        ({"refusals": (REASON,)}, "refused: "),
        ({"not_finite": (NotFinite(name="w", nan=3, inf=1),)}, "refused: tensors that it would"),
        ({"not_finite": (NotFinite(name="w", nan=3, inf=1),)}, "3 NaN, 1 infinite"),
        ({"assumptions": (REASON,)}, "stock transformers classes, exact; under 1 assumption"),
        (
            {"assumptions": (REASON,) * 2, "shortcomings": (REASON,)},
            "stock ones are not; under 2 assumptions",
        ),
    ],
)
def test_what_a_conversion_will_do_is_said_with_its_assumptions(show, changes, words):
    assert words in show(replace(PLAIN, **changes))


@pytest.mark.parametrize("group", ["assumptions", "unknown", "refusals", "shortcomings", "dropped"])
def test_every_reason_is_shown(show, group):
    shown = show(replace(PLAIN, **{group: (REASON,)}))
    assert REASON.name in shown
    assert REASON.because in shown
    assert REASON.because not in show(PLAIN)


def test_without_assumptions_none_are_mentioned(show):
    assert "assum" not in show(PLAIN)


LONG = Reason(name="a.key", because=" ".join(["a reason of many words"] * 40))


@pytest.mark.parametrize("columns", [1, 40, 80, 120])
@pytest.mark.parametrize("group", ["refusals", "unknown", "shortcomings"])
def test_a_summary_has_a_dozen_lines_of_whole_words_at_most(group, columns):
    said = summarize(replace(PLAIN, assumptions=(LONG,) * 9, **{group: (LONG,) * 9}), columns)
    known = {"a.key:", *LONG.because.split(), "..."}
    tail = said[said.index("a.key:") : said.index("next")].replace("assumed ", "").split()
    assert set(tail) <= known
    if columns >= 80:
        assert len(said.splitlines()) <= MAX_LINES
        assert all(len(line) <= columns for line in said.splitlines())


@pytest.mark.parametrize("path", ["a  b.pt", "my \x1b[31m model.pt", "x" * 200, "it's.pt"])
def test_what_a_reader_copies_stands_in_one_line(path):
    said = summarize(replace(PLAIN, source=replace(PLAIN.source, path=path)), 80).splitlines()
    visible = path.replace("\x1b", "\\x1b")
    assert said[0].removeprefix("file").strip() == visible
    assert said[-1].startswith("next      toolkit convert ")
    assert said[-1].endswith(" OUT --verify")


@pytest.mark.parametrize(
    ("changes", "first", "then"),
    [
        ({}, "next", "convert"),
        ({"shortcomings": (REASON,)}, "because", "convert"),
        ({"unknown": (REASON,)}, "because", "--all"),
        ({"refusals": (REASON, REASON)}, "because", "--all"),
        ({"not_finite": (NotFinite(name="w", nan=3, inf=1),)}, "because", "--all"),
        ({"assumptions": (REASON,)}, "assumed", "convert"),
    ],
)
def test_a_summary_gives_the_reason_that_decides_and_the_next_command(changes, first, then):
    *_, reason, command = summarize(replace(PLAIN, **changes), 200).splitlines()
    assert first == "next" or reason.startswith(first)
    assert then in command
    assert ("; and 1 more" in reason) == (len(changes.get("refusals", ())) == 2)


def test_a_summary_names_task_and_classes_where_they_are_known():
    known = replace(PLAIN, task="ctc", architectures=("Wav2Vec2ForCTC",))
    assert "; task ctc" in summarize(known, 80)
    assert "becomes   Wav2Vec2ForCTC: stock" in summarize(known, 80)
    assert "task" not in summarize(PLAIN, 80)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_breaks_names_at_their_signs(columns):
    name = "w2v_encoder.w2v_model.encoder.pos_conv.0.weight_v"
    field = ConfigField(name="num_conv_pos_embeddings", value=(512,) * 7, evidence=name)
    file = io.StringIO()
    print_inspection(replace(PLAIN, fields=(field,)), Console(file=file, width=columns))
    evidence = [row.strip() for row in re.findall(r"│[^│]*│[^│]*│([^│]*)│", file.getvalue())]
    assert "".join(evidence) == name
    assert all(line[-1] in "._" for line in evidence if line and not name.endswith(line))
