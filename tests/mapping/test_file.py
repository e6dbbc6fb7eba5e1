import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.renamed import rename_tensors
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.families import Options
from toolkit.folder.weights import check_ties, target_tensor
from toolkit.mapping import (
    Copy,
    Drop,
    Fill,
    Identity,
    Rule,
    SplitWeightNorm,
    Tie,
    Transpose,
    Zeros,
    make_plan,
)
from toolkit.mapping.document import MAX_BYTES
from toolkit.mapping.file import MappingFile, extend_table, read_mapping

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "fork-mapping.yaml"
MANUAL = EXAMPLE.parents[1] / "mapping-files.md"

WHOLE = """\
rename:
  - {from: encoder.speech., to: encoder.w2v.}
  - {from: out.weight, to: output.weight}
  - {from: model., to: ""}
rules:
  - source: "a.{i}.{weight|bias}"
    target: "b.{i}.{weight|bias}"
  - source: conv
    target: [conv.g, conv.v]
    op: split_weight_norm
  - {source: c, target: d, op: transpose}
  - {source: e, target: f, op: transpose, axes: [0, 2]}
  - {source: g, target: h, op: copy}
drop:
  - source: version
    because: >
      it only counts
      formats
fill:
  - {target: w, values: identity, because: there is none}
  - {target: x, values: zeros, because: there is none}
tie:
  - {source: s, source_twin: c, target: t, target_twin: d, because: shared}
"""


@pytest.fixture
def write(tmp_path):
    def make(content):
        path = tmp_path / "fork.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


@pytest.fixture
def problems(write):
    """The lines of the error that a file gives, without its first and its last."""

    def find(content):
        with pytest.raises(BadInput) as caught:
            read_mapping(write(content))
        first, *found, last = str(caught.value).splitlines()
        assert first.startswith("`")
        assert "fork.yaml` must follow the format" in first
        assert f"has {len(found)} problem" in first
        assert last == "Correct the file, or see `docs/mapping-files.md`."
        return found

    return find


def entry(section, **values):
    return yaml.safe_dump({section: [values]}, sort_keys=False, width=1000)


# Sound files


def test_a_whole_file_gives_its_renames_and_rows_with_their_lines(write):
    path = write(WHOLE)
    mapping = read_mapping(path)
    assert mapping.path == path
    assert [(r.source, r.target) for r in mapping.renames] == [
        ("encoder.speech.", "encoder.w2v."),
        ("out.weight", "output.weight"),
        ("model.", ""),
    ]
    assert mapping.renames[1].origin == "fork.yaml, line 3: out.weight -> output.weight"
    assert [(placed.line, placed.row) for placed in mapping.rows] == [
        (6, Rule("a.{i}.{weight|bias}", "b.{i}.{weight|bias}")),
        (8, Rule("conv", ("conv.g", "conv.v"), SplitWeightNorm())),
        (11, Rule("c", "d", Transpose())),
        (12, Rule("e", "f", Transpose(0, 2))),
        (13, Rule("g", "h", Copy())),
        (15, Drop("version", "it only counts formats")),
        (20, Fill("w", Identity(), "there is none")),
        (21, Fill("x", Zeros(), "there is none")),
        (23, Tie("s", "c", "t", "d", "shared")),
    ]
    assert mapping.rows[0].origin.startswith("fork.yaml, line 6: a.{i}.{weight|bias} -> b.{i}")


def test_a_file_knows_what_it_drops(write):
    mapping = read_mapping(write(entry("drop", source="ema.{i}", because="unused")))
    assert mapping.drops("ema.3")
    assert not mapping.drops("ema.x")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_encoding_of_yaml_is_read(write, encoding):
    assert len(read_mapping(write(WHOLE.encode(encoding))).rows) == 9


NAMES = st.text(alphabet="abcxyz_.09 é'\"#:-", min_size=1, max_size=12).filter(
    lambda text: text.strip(".") and "\x85" not in text
)
WORDS = st.lists(st.text("abc_", min_size=1, max_size=3), min_size=2, max_size=3)
SLOTS = st.just("{i}") | WORDS.map(lambda words: "{" + "|".join(words) + "}")
REASONS = st.text(alphabet="abc é'\"#:{}[]", min_size=1, max_size=20).filter(str.strip)


@st.composite
def pattern_pairs(draw, targets=1):
    slots = draw(st.lists(SLOTS, max_size=3))
    sides = [draw(NAMES) + "".join(f"{s}{draw(NAMES)}" for s in slots) for _ in range(targets + 1)]
    return sides[0], sides[1:]


@st.composite
def rules(draw):
    op = draw(st.sampled_from([None, "copy", "transpose", "split_weight_norm"]))
    source, targets = draw(pattern_pairs(2 if op == "split_weight_norm" else 1))
    plain = {"source": source, "target": targets if len(targets) > 1 else targets[0]}
    made = {
        None: Copy(),
        "copy": Copy(),
        "transpose": Transpose(),
        "split_weight_norm": SplitWeightNorm(),
    }[op]
    if op is not None:
        plain["op"] = op
    if op == "transpose" and draw(st.booleans()):
        plain["axes"] = draw(st.permutations(range(8)))[:2]
        made = Transpose(*plain["axes"])
    target = tuple(targets) if len(targets) > 1 else targets[0]
    return plain, Rule(source, target, made)


@st.composite
def mappings(draw):
    """The plain data of a valid file, and the rows and renames that it must give."""
    drawn = draw(st.lists(rules(), max_size=4, unique_by=lambda pair: pair[0]["source"]))
    taken = {plain["source"] for plain, _ in drawn}
    drops = draw(st.lists(pattern_pairs(0).map(lambda pair: pair[0]), max_size=3, unique=True))
    drops = [(s, draw(REASONS)) for s in drops if s not in taken]
    fills = draw(st.dictionaries(NAMES, st.sampled_from(["identity", "zeros"]), max_size=3))
    letters = draw(st.lists(st.sampled_from("abcd"), max_size=3, unique=True))
    renames = [
        {"from": f"{c}.old.", "to": draw(st.sampled_from(["", "new.", f"{c}."]))} for c in letters
    ]
    plain = {
        "rename": renames,
        "rules": [plain for plain, _ in drawn],
        "drop": [{"source": s, "because": b} for s, b in drops],
        "fill": [{"target": t, "values": v, "because": "none"} for t, v in fills.items()],
    }
    rows = [
        *(row for _, row in drawn),
        *(Drop(s, " ".join(b.split())) for s, b in drops),
        *(Fill(t, {"identity": Identity(), "zeros": Zeros()}[v], "none") for t, v in fills.items()),
    ]
    return plain, rows


FREELY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FREELY
@given(mappings(), st.booleans())
def test_any_valid_file_gives_what_was_written(write, case, flow):
    plain, rows = case
    path = write(yaml.safe_dump(plain, sort_keys=False, default_flow_style=flow, width=60))
    if not rows and not plain["rename"]:
        with pytest.raises(BadInput, match="at least one entry"):
            read_mapping(path)
        return
    mapping = read_mapping(path)
    assert [placed.row for placed in mapping.rows] == rows
    assert [{"from": r.source, "to": r.target} for r in mapping.renames] == plain["rename"]


@settings(FREELY, max_examples=100)
@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, 30),
    st.one_of(
        st.text(alphabet='{}[]&*!|>%@`"#:-?,<=\n\t i0x\x00\ud7ff\\U', max_size=12),
        st.sampled_from(
            ["[" * 50, "{" * 50, "&a [*a]", "<<: *a", "!!python/object:os.system x", "!!int x",
             '"\\UFFFFFFFF"', '"\\ud800"', "---\n", "...", "? ", "!!binary =", "%YAML 9.9\n"]
        ),
    ),
)  # fmt: skip
def test_any_corruption_of_a_file_is_bad_input_or_another_valid_file(write, start, removed, text):
    path = write(WHOLE[:start] + text + WHOLE[start + removed :])
    with suppress(BadInput):
        assert isinstance(read_mapping(path), MappingFile)


@settings(FREELY, max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_are_bad_input_or_a_valid_file(write, content):
    with suppress(BadInput):
        assert isinstance(read_mapping(write(content)), MappingFile)


# Bad files

RULE = {"source": "a", "target": "b"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # the file
        ("a: [", "line 1: this must be YAML, but"),
        ("rules: [\n\n", "line 3: this must be YAML, but"),
        ("a\n---\nb", "line 2: this must be YAML, but"),
        (b"\xff\xfe\x00", "line 1: this must be YAML, but"),
        ("[" * 5000, "line 1: this must be YAML, but"),
        ('rules: "\\UFFFFFFFF"', "line 1: this must be YAML, but"),
        ("rules: &a\n  - *a", "line 2: this must be YAML, but aliases have no place"),
        ("", "line 1: the file must be a mapping of sections, but is empty"),
        ("\n- a", "line 2: the file must be a mapping of sections, but is a list"),
        ("just text", "line 1: the file must be a mapping of sections, but is text"),
        ("{}", "line 1: the file must have at least one entry, but has none"),
        # sections
        ("rule: []", "line 1: `rule` is no section of the file; did you mean `rules`?"),
        ("zzz: []", "line 1: `zzz` is no section of the file; known are `rename`, `rules`"),
        ("[a]: []", "line 1: a section must be a word, but is a list"),
        ("rules: []\nrules: []", "line 2: `rules` must stand once, but stands in line 1 already"),
        ("rules:", "line 1: `rules` must be a list of entries, but is nothing"),
        ("rules: {source: a}", "line 1: `rules` must be a list of entries, but is a mapping"),
        # entries
        ("drop: [a]", "line 1: an entry of `drop` must be a mapping with `source`, `because`"),
        (entry("rules", **RULE, sorce="a"), "line 4: `sorce` is no key of an entry of `rules`; "),
        (entry("rules", **RULE, because="a"), "line 4: `because` is no key of an entry of `rules`"),
        ("rules:\n- {source: a, target: b,\n   source: c}", "line 3: `source` must stand once"),
        ("rules:\n- {source: a, target: b, <<: {}}", "line 2: `<<` is no key of an entry"),
        (entry("rules", source="a"), "line 2: an entry of `rules` must have `target`, but has"),
        (entry("drop", source="a"), "line 2: an entry of `drop` must have `because`, but has"),
        # types
        (entry("rules", source=3, target="b"), "line 2: `source` must be text, but is a number"),
        (entry("rules", source=True, target="b"), "`source` must be text, but is a truth value"),
        (entry("rules", source="a", target=None), "line 3: `target` must be text, but is nothing"),
        (entry("rules", source=["a"], target="b"), "`source` must be text, but is a list"),
        (entry("rules", source="a", target={}), "`target` must be text, but is a mapping"),
        ("rules:\n- {source: !mine a, target: b}", "must be text, but is of the type `!mine`"),
        ('rules:\n- {source: "a\\x07", target: b}', "line 2: `source` must be printable, but"),
        ('drop:\n- {source: a, because: "\\ud800"}', "line 2: `because` must be printable, but"),
        # patterns
        (entry("rules", source="", target="b"), "line 2: `source` must be a pattern, but is empty"),
        (entry("rules", source="a.{j}", target="b.{i}"), "line 2: `source` has the slot `{j}`"),
        (entry("drop", source="a.{x|}", because="x"), "line 2: `source` has the slot `{x|}`"),
        (entry("rules", source="a.{i", target="b"), "`source` has a brace without its partner"),
        (entry("drop", source="{i}{i}", because="x"), "has two slots with nothing between them"),
        (entry("rules", source="a.{i}", target="b"), "must have the same slots in the same order"),
        (entry("rules", source="{i}.{a|b}", target="{a|b}.{i}"), "must have the same slots"),
        (entry("rules", source="{q|k}", target="{query|key}"), "must have the same slots in the"),
        # ops
        (entry("rules", **RULE, op="transposed"), "`op` cannot be `transposed`; did you mean `tr"),
        (entry("rules", **RULE, op="negate"), "line 4: `op` cannot be `negate`; known are `copy`"),
        (entry("rules", **RULE, op="split_weight_norm"), "line 2: `target` must name 2 for this"),
        (entry("rules", source="a", target=["b", "c"]), "line 2: `target` must name 1 for this"),
        (entry("rules", source="a", target=["b"]), "must be one pattern or a list of two, but has"),
        (entry("rules", **RULE, axes=[0, 1]), "line 2: `axes` must stand with `op: transpose`"),
        (entry("rules", **RULE, op="transpose", axes=[1, 1]), "two different numbers from 0 to 7"),
        (entry("rules", **RULE, op="transpose", axes=[0, 8]), "two different numbers from 0 to 7"),
        (entry("rules", **RULE, op="transpose", axes=[0, 1, 2]), "two different numbers from 0"),
        (entry("rules", **RULE, op="transpose", axes=["0", 1]), "two different numbers from 0"),
        (entry("rules", **RULE, op="transpose", axes=1), "two different numbers from 0 to 7"),
        # reasons, fills, ties
        (entry("drop", source="a", because=" "), "line 3: `because` must say why that is right"),
        (entry("fill", target="{i}", values="zeros", because="x"), "whole name of one tensor"),
        (entry("fill", target="a", values="zero", because="x"), "did you mean `zeros`?"),
        (entry("tie", source="a", source_twin="{i}", target="c", target_twin="d", because="x"),
         "line 3: `source_twin` must be the whole name of one tensor"),
        # renames
        ("rename:\n- {from: '', to: a.}", "line 2: `from` must be the beginning of names"),
        ("rename:\n- {from: ., to: a.}", "line 2: `from` must be the beginning of names"),
        ("rename:\n- {from: 'a.{i}.', to: a.}", "line 2: `from` must be the beginning of names"),
        ("rename:\n- {from: a., to: 'b.{i}.'}", "line 2: `to` must be the beginning of names"),
        ("rename:\n- {from: a., to: .}", "line 2: `to` must be the beginning of names, but is `.`"),
        ("rename:\n- {from: a., to: a.}", "line 2: `from` and `to` must differ, but both are"),
        ("rename:\n- {from: a., to: b}", "line 2: `from` and `to` must both end with a dot"),
        ("rename:\n- {from: a, to: b.}", "line 2: `from` and `to` must both end with a dot"),
        ("rename:\n- {from: a, to: ''}", "line 2: `from` and `to` must both end with a dot"),
        ("rename:\n- {from: a.b., to: c.}\n- {from: a., to: d.}", "line 2: `from: a.b.` must excl"),
        ("rename:\n- {from: a., to: c.}\n- {from: a.b, to: d}", "overlaps with `from: a.` in line"),
        ("rename:\n- {from: a, to: c}\n- {from: a, to: d}", "line 3: `from: a` must exclude every"),
        # duplicates
        ("rules:\n- {source: a, target: b}\n- {source: a, target: c}",
         "line 3: the source `a` must stand in one entry, but stands in line 2 already"),
        ("rules:\n- {source: a, target: b}\ndrop:\n- {source: a, because: x}",
         "line 4: the source `a` must stand in one entry, but stands in line 2 already"),
        ("fill:\n" + 2 * "- {target: a, values: zeros, because: x}\n",
         "line 3: the target `a` must stand in one entry, but stands in line 2 already"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_the_line(problems, content, expected):
    (problem,) = problems(content)
    assert problem.startswith("line ")
    assert expected in problem


def test_all_problems_of_a_file_stand_in_one_error_by_line(problems):
    found = problems(
        "rename:\n- {from: a., to: b}\n- {from: c}\n"
        "rulse: []\n"
        "rules:\n- {source: '{j}', target: 3, op: nope, extra: 1}\n- text\n"
        "- {source: x, target: y}\n- {source: x, target: z}\n"
        "drop:\n- {source: d, because: ''}\n"
        "fill: 3\n"
    )
    starts = [
        "line 2: `from` and `to` must both",
        "line 3: an entry of `rename` must have `to`",
        "line 4: `rulse` is no section",
        "line 6: `extra` is no key",
        "line 6: `op` cannot be `nope`",
        "line 6: `source` has the slot",
        "line 6: `target` must be text",
        "line 7: an entry of `rules` must be",
        "line 9: the source `x` must stand",
        "line 11: `because` must say why",
        "line 12: `fill` must be a list",
    ]
    assert len(found) == len(starts)
    for problem, start in zip(found, starts, strict=True):
        assert problem.startswith(start)


def test_a_flood_of_problems_is_counted_and_not_all_listed(write):
    with pytest.raises(BadInput) as caught:
        read_mapping(write("drop:\n" + "- text\n" * 700))
    lines = str(caught.value).splitlines()
    assert "has 700 problems" in lines[0]
    assert lines[-2] == "And 200 more."
    assert len(lines) == 503


def test_a_path_that_leads_to_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "pipe", Path("a\0b"), Path("x" * 5000)):
        with pytest.raises(BadInput, match="--mapping"):
            read_mapping(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(write):
    with pytest.raises(BadInput, match="at most 262144 bytes"):
        read_mapping(write("#" * (MAX_BYTES + 1)))


def test_nothing_of_a_file_runs(write, tmp_path):
    mark = tmp_path / "ran"
    path = write(f'rules: !!python/object/apply:os.system ["touch {mark}"]')
    with pytest.raises(BadInput):
        read_mapping(path)
    assert not mark.exists()


# The documented example


@pytest.fixture(scope="module")
def fork(golden_checkpoint, tmp_path_factory):
    """The golden checkpoint as the fork of the example would have saved it."""
    saved = torch.load(golden_checkpoint, weights_only=False)
    model = {}
    for name, values in saved["model"].items():
        tensor = values
        forked = (
            name.replace("encoder.w2v_encoder.w2v_model.", "encoder.speech.")
            .replace("encoder.adaptor.layers.", "encoder.shrink.")
            .replace("decoder.output_projection.", "decoder.output.")
        )
        if name.startswith("decoder.layers."):
            forked = forked.replace(".final_layer_norm.", ".norm_ffn.")
            if name.endswith(".fc2.weight"):
                tensor = values.t().contiguous()
        model[forked] = tensor
    averaged = ("decoder.embed_tokens.", "decoder.layer_norm.")
    model |= {
        f"ema.{name}": tensor * 0.5
        for name, tensor in model.items()
        if name.startswith(averaged) or ".norm_ffn." in name
    }
    path = tmp_path_factory.mktemp("fork") / "fork.pt"
    torch.save({**saved, "model": model}, path)
    return open_checkpoint(path)


@pytest.fixture(scope="module")
def mapped(fork, prepared):
    """The fork's checkpoint under fairseq's names, and its plan."""
    mapping = read_mapping(EXAMPLE)
    checkpoint = rename_tensors(fork, mapping.renames)
    network = replace(prepared.network, table=None)
    found = prepared.family.network(checkpoint, Options())
    assert replace(found, table=None) == network
    table = extend_table(found.table, mapping)
    return checkpoint, make_plan(table, checkpoint.tensors, prepared.plan.targets)


def test_the_example_makes_the_fork_a_member_of_the_family(fork, mapped, prepared):
    checkpoint, _ = mapped
    assert not prepared.family.matches(fork)
    assert prepared.family.matches(checkpoint)


def test_the_example_gives_every_target_tensor_of_the_fork_bit_for_bit(mapped, prepared):
    checkpoint, plan = mapped
    assert plan.assignments.keys() == prepared.plan.assignments.keys()
    for target, assignment in plan.assignments.items():
        expected = target_tensor(
            prepared.plan.assignments[target], prepared.plan, prepared.checkpoint.load
        )
        actual = target_tensor(assignment, plan, checkpoint.load)
        assert actual.dtype == expected.dtype
        assert torch.equal(actual.view(torch.int32), expected.view(torch.int32)), target
    assert plan.ties == prepared.plan.ties
    check_ties(plan, checkpoint)


def test_the_example_s_rows_stand_behind_their_tensors_with_their_lines(mapped):
    _, plan = mapped
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    origins = {
        a.origin for a in plan.assignments.values() if a.origin.startswith("fork-mapping.yaml")
    }
    assert len(origins) == 2
    for origin in origins:
        line = int(origin.split("line ")[1].split(":")[0])
        assert lines[line - 1].strip() == f"- source: {origin.split(': ')[1].split(' -> ')[0]}"


def test_the_example_drops_the_average_with_its_reason(mapped, prepared):
    _, plan = mapped
    averaged = [reason for reason in plan.dropped if reason.name.startswith("ema.")]
    assert len(averaged) == len(plan.dropped) - len(prepared.plan.dropped) == 9
    assert all("moving average" in reason.because for reason in averaged)


@pytest.mark.parametrize("section", ["rename", "rules", "drop"])
def test_no_entry_of_the_example_is_superfluous(fork, prepared, tmp_path, section):
    plain = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for index in range(len(plain[section])):
        fewer = {**plain, section: plain[section][:index] + plain[section][index + 1 :]}
        path = tmp_path / "fewer.yaml"
        path.write_text(yaml.safe_dump(fewer), encoding="utf-8")
        mapping = read_mapping(path)
        checkpoint = rename_tensors(fork, mapping.renames)
        table = extend_table(prepared.network.table, mapping)
        with pytest.raises((BadInput, BrokenRule)):
            make_plan(table, checkpoint.tensors, prepared.plan.targets)


def test_the_manual_explains_every_section_and_key():
    text = MANUAL.read_text(encoding="utf-8")
    for word in (
        *("rename", "rules", "drop", "fill", "tie", "from", "to", "source", "target", "op", "axes"),
        *("because", "values", "source_twin", "target_twin", "copy", "transpose"),
        *("split_weight_norm", "identity", "zeros"),
    ):
        assert f"`{word}`" in text


def test_the_manual_points_at_lines_that_the_example_has():
    text = MANUAL.read_text(encoding="utf-8")
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    cited = {int(number) for number in re.findall(r"line (\d+)", text)}
    assert cited
    for number in cited:
        assert lines[number - 1].startswith("  - source: ")
