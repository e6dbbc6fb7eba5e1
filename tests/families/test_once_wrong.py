"""Input that once slipped through, or ended in a traceback: one test per kind."""

import math
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
import yaml

from toolkit.audio import read_clips
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary, read_dictionary
from toolkit.core.errors import BadInput, BrokenRule
from toolkit.core.measures import Measure
from toolkit.core.spec import TensorSpec
from toolkit.families import Options
from toolkit.families.sidecars import find_sidecars
from toolkit.families.xm_transformer import ENCODER, FAMILY
from toolkit.folder.skeleton import target_specs
from toolkit.folder.staging import staged_folder
from toolkit.folder.weights import write_weights
from toolkit.mapping import Fill, Identity, Rule, Table, Tie, make_plan
from toolkit.tasks.speech_seq2seq.tokenizer import build_tokenizer


# 1 sidecars
def test_a_file_of_the_working_folder_is_not_taken_for_the_checkpoints_own(
    golden_checkpoint, tmp_path, monkeypatch
):
    (tmp_path / "dict.txt").write_text("other 1\n")
    (tmp_path / "spm.model").touch()
    monkeypatch.chdir(tmp_path)
    found = find_sidecars(golden_checkpoint)
    assert found.dict_path == golden_checkpoint.parent / "dict.txt"
    assert found.spm_path == golden_checkpoint.parent / "spm.model"


@pytest.mark.parametrize("value", ["2001-99-99", "0b_", "0x_", "!!float abc"])
def test_a_yaml_value_that_is_no_value_of_its_type_is_refused(tmp_path, value):
    (tmp_path / "config.yaml").write_text(f"a: {value}\n")
    with pytest.raises(BadInput, match="in YAML"):
        find_sidecars(tmp_path / "model.pt")


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"vocab_filename": "a" * 300}))
    with pytest.raises(BadInput, match="must stand beside the checkpoint"):
        find_sidecars(tmp_path / "model.pt")


# 2 dictionary
@pytest.mark.parametrize("symbol", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "a\u2028b"])
def test_only_line_feeds_end_a_row_as_in_fairseq(tmp_path, symbol):
    path = tmp_path / "dict.txt"
    path.write_bytes(f"{symbol} 1\nb 1\n".encode())
    assert read_dictionary(path).symbols[4:] == (symbol, "b")


# 3 result
def test_a_declared_measure_that_is_no_number_fails():
    measure = Measure(
        name="m", where="w", error=math.nan, tolerance=1.0, unit="u", compared=1, declared=True
    )
    assert measure.verdict == "fail"


# 4 xm_transformer
def test_supplied_strides_replace_a_text_that_cannot_be_read(variant):
    checkpoint = variant(w2v={"conv_feature_layers": "eval('1')"})
    strides = [5, 2, 2, 2, 2, 2, 2]
    network = FAMILY.network(checkpoint, Options(overrides={"encoder": {"conv_stride": strides}}))
    assert network.config["encoder.conv_stride"].value == strides


def test_a_shortest_length_holds_behind_a_tag_too(prepared, variant):
    checkpoint = variant(generation={"min_len": 5})
    options = Options()
    network = FAMILY.network(checkpoint, options)
    task = FAMILY.task(checkpoint, prepared.sidecars, network, options)
    assert task.contents.generation["min_new_tokens"] == 5


def test_an_adaptor_that_changes_the_width_needs_a_carried_class(variant):
    tensors = {
        "encoder.adaptor.layers.0.weight": torch.ones(128, 48, 3),
        "encoder.adaptor.layers.0.bias": torch.ones(128),
        "decoder.embed_tokens.weight": torch.ones(189, 64),
    }
    for i in (1, 2):
        tensors[f"encoder.adaptor.layers.{i}.weight"] = torch.ones(128, 64, 3)
        tensors[f"encoder.adaptor.layers.{i}.bias"] = torch.ones(128)
    assert FAMILY.network(variant(tensors), Options()).shortcomings


@pytest.mark.parametrize("value", [None, "x"])
def test_a_supplied_value_of_another_type_is_refused(prepared, value):
    with pytest.raises(BadInput):
        FAMILY.network(
            prepared.checkpoint, Options(overrides={"encoder": {"mask_time_prob": value}})
        )


def test_a_hub_that_is_no_mapping_is_refused(prepared):
    sidecars = replace(prepared.sidecars, config={**prepared.sidecars.config, "hub": "x"})
    with pytest.raises(BadInput, match="hub"):
        FAMILY.task(prepared.checkpoint, sidecars, prepared.network, Options())


def test_an_activation_of_the_encoder_without_an_equal_is_refused(variant):
    assert FAMILY.network(variant(w2v={"activation_fn": "my_own"}), Options()).refusals


# 5 plan
def specs(shapes):
    return {n: TensorSpec(name=n, dtype="float32", shape=s) for n, s in shapes.items()}


def test_an_identity_that_is_no_square_is_misshapen():
    table = Table(name="t", rows=(Rule("a", "a"), Fill("w", Identity(), "there is none")))
    with pytest.raises(BrokenRule, match="`w`"):
        make_plan(table, specs({"a": (1,)}), specs({"a": (1,), "w": (48, 32)}))


def test_a_lost_projection_is_not_replaced_by_a_rectangle(variant, gone, prepared):
    lost = {f"{ENCODER.source}post_extract_proj.{n}": gone for n in ("weight", "bias")}
    checkpoint = variant(lost)
    network = FAMILY.network(checkpoint, Options())
    with pytest.raises((BadInput, BrokenRule)):
        make_plan(network.table, checkpoint.tensors, prepared.plan.targets)


def test_a_rule_with_more_targets_than_its_op_gives_is_broken():
    table = Table(name="t", rows=(Rule("a", ("b", "c")),))
    with pytest.raises(BrokenRule):
        make_plan(table, specs({"a": (1,)}), specs({"b": (1,), "c": (1,)}))


def test_a_tie_whose_twins_no_rule_joins_is_broken():
    rows = (Rule("a", "x"), Rule("b", "y"), Tie("t", "a", "z", "y", "they are shared"))
    with pytest.raises(BrokenRule):
        make_plan(
            Table(name="t", rows=rows),
            specs({"a": (1,), "b": (1,), "t": (1,)}),
            specs({"x": (1,), "y": (1,), "z": (1,)}),
        )


# 6 skeleton
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_act", "nonsense"),
        ("num_attention_heads", 0),
        ("hidden_size", "x"),
        ("hidden_size", None),
        ("conv_stride", [1]),
        ("conv_stride", 3),
    ],
)
def test_an_option_that_makes_no_model_is_refused(prepared, key, value):
    config = dict(prepared.task.contents.config)
    config["encoder"] = {**config["encoder"], key: value}
    with pytest.raises(BadInput, match="`config.json` must describe"):
        target_specs(config)


# 7 staging, weights
def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(BadInput), staged_folder(tmp_path / ("a" * 300)):
        pass


def test_a_folder_that_cannot_be_written_is_the_users_matter(prepared, tmp_path):
    with pytest.raises(BadInput, match="must be written whole"):
        write_weights(prepared.plan, prepared.checkpoint, tmp_path / "nowhere")


# 8 audio
@pytest.mark.parametrize(
    "text",
    [
        "clip = 1",
        "clip = [1]",
        "clip = 'ab'",
        "clip = []",
        "[[clip]]",
        "[[clip]]\nfile = 'a'",
        "[[clip]]\nfile = 3\nsha256 = 'x'",
    ],
)
def test_a_manifest_with_broken_entries_is_refused(tmp_path, text):
    (tmp_path / "manifest.toml").write_text(text)
    with pytest.raises(BadInput, match="manifest.toml"):
        read_clips([tmp_path])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_clip_with_samples_that_are_no_numbers_is_refused(tmp_path, bad):
    samples = np.array([0, bad] * 400, dtype=np.float32)
    soundfile.write(str(tmp_path / "a.wav"), samples, 16_000, subtype="FLOAT")
    with pytest.raises(BadInput, match="`a`|a.wav"):
        read_clips([tmp_path / "a.wav"])


def test_two_clips_of_one_name_are_refused(tmp_path):
    (tmp_path / "x").mkdir()
    paths = [tmp_path / "a.wav", tmp_path / "x" / "a.wav"]
    for path in paths:
        soundfile.write(str(path), np.zeros(800, dtype=np.float32), 16_000)
    with pytest.raises(BadInput, match="`a`"):
        read_clips(paths)


# 9 tokenizer
@pytest.fixture(scope="module")
def spm_of(prepared, tmp_path_factory):
    """A tokenizer and a sentencepiece processor of a few pieces."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    def make(pieces, leave_out=(), **normalizer):
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(prepared.sidecars.spm_path.read_bytes())
        del model.pieces[3:]
        for piece, score in pieces.items():
            model.pieces.add(piece=piece, score=score)
        for key, value in normalizer.items():
            setattr(model.normalizer_spec, key, value)
        path = tmp_path_factory.mktemp("spm") / "spm.model"
        path.write_bytes(model.SerializeToString())
        symbols = (*SPECIAL_SYMBOLS, *(p for p in pieces if p not in leave_out), "<lang:en>")
        contents = replace(
            prepared.task.contents,
            pieces_path=path,
            dictionary=Dictionary(symbols=symbols),
            language_tags={"en": len(symbols) - 1},
            prefix_tag="<lang:en>",
        )
        tokenizer = build_tokenizer(contents)
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))

        def both(text):
            line = " ".join(processor.encode(text, out_type=str))
            expected = [contents.dictionary.index(piece) for piece in line.split()]
            return tokenizer(text, add_special_tokens=False)["input_ids"], expected

        return both

    return make


@pytest.mark.parametrize(
    ("pieces", "normalizer", "text"),
    [
        ({"▁": -3, "a": -3, "b": -3}, {"remove_extra_whitespaces": False}, " a"),
        ({"▁": -3, "a": -3, "b": -3, "▁▁": -0.5}, {"remove_extra_whitespaces": False}, "a  b"),
        ({"▁": -3, "a": -3, "b": -3, "a▁b": -0.1}, {}, "a b"),
        ({"▁": -1, "ab": -12, "bc": -0.1, "c": -12}, {}, "abc"),
    ],
    ids=["leading space", "piece of spaces", "piece across a space", "score of unk"],
)
def test_any_pieces_are_chosen_as_sentencepiece_chooses_them(spm_of, pieces, normalizer, text):
    actual, expected = spm_of(pieces, **normalizer)(text)
    assert actual == expected


def test_decomposed_text_is_encoded_as_fairseq_encodes_it(prepared):
    import unicodedata

    import sentencepiece

    contents = prepared.task.contents
    processor = sentencepiece.SentencePieceProcessor(model_file=str(contents.pieces_path))
    text = unicodedata.normalize("NFD", "tiếng Việt ế")
    line = " ".join(processor.encode(text, out_type=str))
    tokenizer = build_tokenizer(contents)
    normalized = tokenizer.backend_tokenizer.normalizer.normalize_str(text)
    assert normalized.removeprefix("▁") == unicodedata.normalize("NFC", text).replace(" ", "▁")
    assert line
