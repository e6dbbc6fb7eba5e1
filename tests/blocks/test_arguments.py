import shutil
from argparse import Namespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolkit.blocks.arguments import (
    MAX_CONV_LAYERS,
    parse_conv_layers,
    read_arguments,
)
from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput

# conv_feature_layers

NUMBERS = st.integers(0, 5000).map(str)
LAYERS = st.tuples(NUMBERS, NUMBERS, NUMBERS).flatmap(
    lambda layer: st.sampled_from([f"({', '.join(layer)})", f"[{','.join(layer)}]"])
)
LISTS = st.lists(LAYERS, min_size=1, max_size=3).map(lambda layers: f"[{', '.join(layers)}]")
REPEATED = st.tuples(LISTS, st.integers(0, 4)).flatmap(
    lambda pair: st.sampled_from([f"{pair[0]} * {pair[1]}", f"{pair[1]}*{pair[0]}"])
)
EXPRESSIONS = st.lists(LISTS | REPEATED, min_size=1, max_size=5).map(" + ".join)


@given(EXPRESSIONS, st.sampled_from(["", " ", "\n"]))
def test_a_list_of_layers_is_what_python_makes_of_it(expression, space):
    expected = tuple(tuple(layer) for layer in eval(expression))
    assert parse_conv_layers(f"{space}{expression}{space}") == expected


@given(EXPRESSIONS, EXPRESSIONS)
def test_parentheses_around_a_list_change_nothing(left, right):
    assert parse_conv_layers(f"({left}) + ({right})") == parse_conv_layers(f"{left} + {right}")


def test_the_usual_extractor_has_seven_layers():
    layers = parse_conv_layers("[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]")
    assert [stride for _, _, stride in layers] == [5, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "None",
        "eval('1')",
        "__import__('os').system('touch ran')",
        "[(1, 2, 3)].append(4)",
        "[(1, 2, 3)].__class__",
        "layers",
        "[(a, 2, 3)]",
        "[x for x in [(1, 2, 3)]]",
        "lambda: [(1, 2, 3)]",
        "[(1, 2, 3)] if 1 else []",
        "[(1, 2, 3)][0]",
        "[(1, 2, 3)] - 1",
        "[(1, 2, 3)] ** 2",
        "[(1, -2, 3)]",
        "[(1.5, 2, 3)]",
        "[(True, 2, 3)]",
        "[('1', 2, 3)]",
        "[(b'1', 2, 3)]",
        "[(1, 2)]",
        "[(1, 2, 3, 4)]",
        "[1, 2, 3]",
        "[[(1, 2, 3)]]",
        "{(1, 2, 3)}",
        "[(1, 2, 3)] * [1]",
        "[(1, 2, 3)] + 1",
        "[(1, 2, 3)]; 1",
        "[(1, 2, 3)",
        "x = [(1, 2, 3)]",
        "f'{1}'",
        "\0",
        "\ud800",
    ],
)
def test_anything_but_a_list_of_layers_is_refused(text):
    with pytest.raises(BadInput, match=r"`conv_feature_layers` must be a list of .width, kernel"):
        parse_conv_layers(text)


@pytest.mark.parametrize(
    "text",
    [
        "[(1, 2, 3)] * 999999999999",
        f"[(1, 2, 3)] * {MAX_CONV_LAYERS + 1}",
        "[[(1, 2, 3)] * 64] * 64",
        "[(1, 2, 3)] * 64 * 64 * 64 * 64 * 64 * 64",
        "(" * 5000 + "1" + ")" * 5000,
        "[" * 90 + "]" * 90,
        "-" * 100_000 + "1",
        "1" + "+1" * 100_000,
        "9" * 5000,
    ],
)
def test_what_would_take_much_time_or_memory_is_refused(text):
    with pytest.raises(BadInput, match="conv_feature_layers") as caught:
        parse_conv_layers(text)
    assert len(str(caught.value)) < 1000


@given(st.text(alphabet="[](),+*0123456789 ab.'-\n", max_size=30))
def test_any_text_is_read_as_layers_or_refused(text):
    try:
        layers = parse_conv_layers(text)
    except BadInput:
        return
    assert all(len(layer) == 3 and all(type(n) is int for n in layer) for layer in layers)


# Groups


def test_arguments_in_groups_are_read_by_group(prepared):
    arguments = read_arguments(prepared.checkpoint)
    assert arguments.model["decoder_layers"] == 3
    assert arguments.task["task"] == "speech_to_text"
    assert arguments.generation["beam"] == 5
    assert arguments.w2v_model["encoder_layers"] == 3
    assert arguments.w2v_task["normalize"] is True


def test_arguments_in_one_namespace_serve_every_group(variant):
    arguments = read_arguments(variant(as_args=True, generation={"beam": 7}))
    assert arguments.model == arguments.task == arguments.generation
    assert (arguments.model["decoder_layers"], arguments.generation["beam"]) == (3, 7)
    assert arguments.w2v_model["encoder_layers"] == 3


def test_pretraining_arguments_in_groups_are_read_by_group(variant):
    nested = {"model": {"encoder_layers": 3}, "task": {"normalize": False}}
    arguments = read_arguments(variant(model={"w2v_args": nested}))
    assert (arguments.w2v_model, arguments.w2v_task) == (
        {"encoder_layers": 3},
        {"normalize": False},
    )


@pytest.mark.parametrize("absent", [None, "somewhere", 3, []])
def test_pretraining_arguments_that_are_no_mapping_are_none(variant, absent):
    arguments = read_arguments(variant(model={"w2v_args": absent}))
    assert (arguments.w2v_model, arguments.w2v_task) == ({}, {})


def test_a_checkpoint_without_arguments_has_empty_groups(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"model": {"w": torch.ones(1)}, "args": None, "cfg": {"model": 3}}, path)
    arguments = read_arguments(open_checkpoint(path))
    assert (arguments.model, arguments.task, arguments.generation) == ({}, {}, {})


# The pretrained checkpoint's own

CONVS = {"conv_feature_layers": "[(16, 10, 5)]"}
W2V = {**CONVS, "encoder_layers": 3, "normalize": False}


@pytest.fixture
def bare(variant, gone):
    """A checkpoint without the pretrained encoder's arguments, that names where they were."""

    def make(w2v_path="/cluster/somebody/xlsr.pt"):
        return variant(model={"w2v_args": gone, "w2v_path": w2v_path})

    return make


def save(path, **settings):
    torch.save({"model": {"w": torch.ones(1)}, "args": None, "cfg": None, **settings}, path)
    return path


@pytest.mark.parametrize(
    ("settings_", "model_where", "task_where"),
    [
        ({"args": Namespace(**W2V)}, "xlsr.pt: args", "xlsr.pt: args"),
        (
            {"cfg": {"model": {**CONVS, "encoder_layers": 3}, "task": {"normalize": False}}},
            "xlsr.pt: cfg.model",
            "xlsr.pt: cfg.task",
        ),
        (
            {"args": Namespace(normalize=True, encoder_layers=7, w2v_args=Namespace(**W2V))},
            "xlsr.pt: w2v_args",
            "xlsr.pt: w2v_args",
        ),
        (
            {
                "cfg": {
                    "model": {
                        "_name": "wav2vec_ctc",
                        "w2v_args": {
                            "model": {**CONVS, "encoder_layers": 3},
                            "task": {"normalize": False},
                        },
                    },
                    "task": {"normalize": True},
                }
            },
            "xlsr.pt: w2v_args.model",
            "xlsr.pt: w2v_args.task",
        ),
    ],
    ids=["args", "cfg", "fine-tuned args", "fine-tuned cfg"],
)
@pytest.mark.parametrize("named", [True, False], ids=["by option", "beside"])
def test_pretraining_arguments_come_from_the_pretrained_checkpoint(
    bare, tmp_path, settings_, model_where, task_where, named
):
    folder = tmp_path / "elsewhere" if named else tmp_path
    folder.mkdir(exist_ok=True)
    path = save(folder / "xlsr.pt", **settings_)
    arguments = read_arguments(bare(), path if named else None)
    assert arguments.w2v_model["encoder_layers"] == 3
    assert arguments.w2v_task["normalize"] is False
    assert (arguments.w2v_model_where, arguments.w2v_task_where) == (model_where, task_where)
    assert arguments.w2v_path == path


def test_only_the_last_part_of_a_path_counts(bare, tmp_path):
    """An absolute path that exists is not opened: a checkpoint must not choose files to read."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    path = save(folder / "xlsr.pt", args=Namespace(**W2V))
    assert read_arguments(bare(str(path))).w2v_model == {}
    assert read_arguments(bare("../cluster/xlsr.pt")).w2v_model == {}
    shutil.copyfile(path, tmp_path / "xlsr.pt")
    found = read_arguments(bare(str(path)))
    assert (found.w2v_model, found.w2v_path) == (W2V, tmp_path / "xlsr.pt")


@pytest.mark.parametrize("name", [None, 3, "", "/", "..", "x" * 5000, "a\0b", "/cluster/gone.pt"])
def test_a_path_that_leads_nowhere_gives_no_arguments(bare, name):
    arguments = read_arguments(bare(name))
    assert (arguments.w2v_model, arguments.w2v, arguments.w2v_path) == ({}, {}, None)


def test_a_checkpoint_called_as_its_pretrained_one_is_not_taken_for_it(bare):
    assert read_arguments(bare("/cluster/pretraining/model.pt")).w2v_model == {}


@pytest.mark.parametrize(
    "settings_",
    [{}, {"args": Namespace(encoder_embed_dim=32)}, {"cfg": {"model": 3}}],
    ids=["no arguments", "another architecture", "nonsense"],
)
def test_a_file_without_the_encoders_arguments_is_refused(bare, tmp_path, settings_):
    path = save(tmp_path / "other.pt", **settings_)
    with pytest.raises(BadInput, match="holds no `conv_feature_layers`"):
        read_arguments(bare(), path)


def test_a_pretrained_file_that_is_no_checkpoint_is_refused(bare, tmp_path):
    (tmp_path / "xlsr.pt").write_text("hello")
    with pytest.raises(BadInput, match=r"xlsr\.pt"):
        read_arguments(bare())


def test_a_pretrained_file_for_a_checkpoint_that_needs_none_is_refused(variant, tmp_path):
    path = save(tmp_path / "xlsr.pt", args=Namespace(**W2V))
    with pytest.raises(BadInput, match="`w2v_args` of its own"):
        read_arguments(variant(), path)
