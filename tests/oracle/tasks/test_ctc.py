"""The reference of CTC models is what fairseq itself computes, for both kinds and every era."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.sampling import one_in
from tests.variants.ctc_building import BuiltCtc, build_ctc
from tests.variants.ctc_kinds import (
    ADAPTERS,
    CTC_VARIANTS,
    GROUP_NORM,
    CtcVariant,
    as_namespace,
    as_parametrized,
    in_half,
    in_several_dtypes,
    without_w2v_args,
)
from toolkit.audio import Clip, golden_folder
from toolkit.blocks.arguments import own_arguments
from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, read_dictionary
from toolkit.oracle.precision import in_float64
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.ctc import (
    CtcReference,
    make_arguments,
    make_dictionary,
    read_layers,
)
from toolkit.oracle.tasks.ctc import build_ctc as build_reference

Pair = tuple[BuiltCtc, CtcReference]
MakePair = Callable[..., Pair]
BY_NAME = {variant.name: variant for variant in CTC_VARIANTS}
UNREAD = (without_w2v_args, as_parametrized)
"""What is made up for or renamed before a reference is built of it."""
BUILDABLE = [v for v in CTC_VARIANTS if v.save not in UNREAD and v.name != "cropped frames"]
GREEDY = Search(beam=1)
KINDS = ("group norm", "layer norm")
STACK = "w2v_encoder.w2v_model.encoder"


def read_settings(built: BuiltCtc) -> dict[str, Any]:
    arguments = own_arguments(open_checkpoint(built.path))
    return {**arguments.task, **arguments.model}


def read_symbols(built: BuiltCtc) -> tuple[str, ...]:
    symbols = read_dictionary(built.path.parent / "dict.ltr.txt").symbols
    return symbols[len(SPECIAL_SYMBOLS) :]


def restore(built: BuiltCtc, settings: Any = None, **options: Any) -> CtcReference:
    state = open_checkpoint(built.path).state_dict()
    with quiet_fairseq():
        return build_reference(
            read_settings(built) if settings is None else settings,
            read_symbols(built),
            state,
            **options,
        )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> MakePair:
    """The model that wrote a variant's checkpoint, and the reference read from that; made once."""
    known: dict[str, Pair] = {}

    def make(variant: CtcVariant | str) -> Pair:
        chosen = BY_NAME[variant] if isinstance(variant, str) else variant
        if chosen.name not in known:
            built = build_ctc(chosen, tmp_path_factory.mktemp("ctc"))
            known[chosen.name] = built, restore(built)
        return known[chosen.name]

    return make


@pytest.fixture(scope="module")
def sources() -> list[Tensor]:
    """Three inputs of 49, 30 and 38 frames."""
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(samples, generator=generator) for samples in (16000, 9873, 12345)]


def ask_fairseq(built: BuiltCtc, sources: list[Tensor], **options: Any) -> dict[str, Any]:
    """What fairseq's own model gives for the batch that fairseq's own dataset makes."""
    from fairseq.data.audio.raw_audio_dataset import RawAudioDataset

    dataset = RawAudioDataset(sample_rate=16_000, pad=True)
    batch = dataset.collater([{"id": i, "source": s} for i, s in enumerate(sources)])
    with torch.no_grad():
        return built.model(**batch["net_input"], **options)


def difference(given: Tensor, expected: Tensor) -> float:
    """Largest absolute difference; weights that lie elsewhere in memory round differently."""
    assert given.shape == expected.shape
    same = given == expected  # infinities too
    return float((given - expected).masked_fill(same, 0.0).abs().max())


ROUNDING = 2e-6
HALVES = (in_half, in_several_dtypes)


@pytest.mark.parametrize(
    "variant", one_in(4, BUILDABLE, lambda variant: variant.name, pytest.mark.wide)
)
def test_logits_of_a_padded_batch_are_fairseqs_own(
    variant: CtcVariant, pair: MakePair, sources: list[Tensor]
) -> None:
    built, reference = pair(variant)
    chosen = {"corpus_key": [0] * 3} if variant.inner is ADAPTERS else {}
    expected = ask_fairseq(built, sources, **chosen)["encoder_out"].transpose(0, 1)
    given = reference.forward(sources).logits
    assert given.shape == (3, 49, len(variant.symbols) + 4)
    assert difference(given, expected) <= (2e-2 if variant.save in HALVES else ROUNDING)


@pytest.mark.parametrize("name", KINDS)
def test_the_padding_mask_is_fairseqs_own(name: str, pair: MakePair, sources: list[Tensor]) -> None:
    built, reference = pair(name)
    mask = reference.forward(sources).outputs["padding_mask"]
    assert mask.equal(ask_fairseq(built, sources)["padding_mask"])
    assert (~mask).sum(1).tolist() == [49, 30, 38]
    assert not reference.forward(sources[:1]).outputs["padding_mask"].any()


@pytest.mark.parametrize("name", KINDS)
def test_layers_are_what_fairseq_gives_for_output_layer(
    name: str, pair: MakePair, sources: list[Tensor]
) -> None:
    built, reference = pair(name)
    outputs = reference.forward(sources).outputs
    batch = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
    beyond = torch.arange(batch.shape[1]) >= torch.tensor([[len(s)] for s in sources])
    for k in (1, 2, 3):
        with torch.no_grad():
            found = built.model.w2v_encoder.w2v_model.extract_features(batch, beyond, layer=k - 1)
        assert difference(outputs[f"layers.{k}"], found["x"]) <= ROUNDING
    assert "layers.4" not in outputs


def test_the_last_layer_lacks_the_final_norm_only_where_norms_come_first(
    pair: MakePair, sources: list[Tensor]
) -> None:
    for name, follows in (("layer norm", True), ("group norm", False)):
        _, reference = pair(name)
        asked = reference.forward(sources[:1])
        model: Any = reference.model
        last, head = asked.outputs["layers.3"], model.w2v_encoder.proj
        with torch.no_grad():
            normed = model.w2v_encoder.w2v_model.encoder.layer_norm(last) if follows else last
            assert (head(normed) - asked.logits).abs().max() < 1e-5


@pytest.mark.parametrize("name", KINDS)
def test_a_float64_pass_is_exact_and_leaves_the_weights_alone(
    name: str, pair: MakePair, sources: list[Tensor]
) -> None:
    _, reference = pair(name)
    fused = reference.forward(sources, double=True)
    explicit = reference.forward(sources, double=True, explicit=True)
    single = reference.forward(sources)
    for output in ("logits", "layers.1", "layers.3"):
        assert fused.outputs[output].dtype is torch.float64
        assert (fused.outputs[output] - explicit.outputs[output]).abs().max() < 1e-12
        assert 1e-9 < (fused.outputs[output] - single.outputs[output]).abs().max() < 1e-4
    assert {p.dtype for p in reference.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", [*KINDS, "Namespace", "old inner configuration"])
def test_a_float64_pass_is_fairseqs_own_to_all_digits(
    name: str, pair: MakePair, sources: list[Tensor]
) -> None:
    built, reference = pair(name)
    given = reference.forward(sources, double=True).outputs
    with in_float64(built.model):
        expected = ask_fairseq(built, [source.double() for source in sources])
    assert difference(given["logits"], expected["encoder_out"].transpose(0, 1)) < 1e-12
    for k, (layer, *_) in enumerate(expected["layer_results"], start=1):
        assert difference(given[f"layers.{k}"], layer.transpose(0, 1)) < 1e-12


def test_explicit_attention_makes_the_projections_fire(
    pair: MakePair, sources: list[Tensor]
) -> None:
    _, reference = pair("layer norm")
    path = f"{STACK}.layers.0.self_attn.q_proj"
    explicit = reference.forward(sources, explicit=True)
    assert len(explicit.calls[path]) == 1
    assert path not in reference.forward(sources).calls
    assert list(reference.forward(sources, explicit=True, only=[path]).calls) == [path]


def test_logits_are_raw_and_emissions_blank_where_padded(
    pair: MakePair, sources: list[Tensor]
) -> None:
    built, reference = pair("layer norm")
    outputs = reference.forward(sources).outputs
    mask = outputs["padding_mask"]
    assert outputs["logits"].isfinite().all()
    assert (outputs["emissions"][mask][:, 0] == 0).all()
    assert (outputs["emissions"][mask][:, 1:] == -torch.inf).all()
    assert outputs["emissions"][~mask].equal(outputs["logits"][~mask])
    expected = built.model.get_logits(ask_fairseq(built, sources)).transpose(0, 1)
    assert difference(outputs["emissions"], expected) <= ROUNDING


@pytest.mark.parametrize("mode", ["added", "set"])
def test_a_blank_weight_is_in_the_emissions_and_not_in_the_logits(
    mode: str, pair: MakePair, sources: list[Tensor]
) -> None:
    built, reference = pair(f"blank weight {mode}")
    outputs = reference.forward(sources[:1]).outputs
    expected = built.model.get_logits(ask_fairseq(built, sources[:1])).transpose(0, 1)
    assert difference(outputs["emissions"], expected) <= ROUNDING
    assert not outputs["emissions"].equal(outputs["logits"])
    assert outputs["emissions"][..., 1:].equal(outputs["logits"][..., 1:])


def test_greedy_ids_are_those_that_the_criterion_counts(
    pair: MakePair, sources: list[Tensor]
) -> None:
    for name in (*KINDS, "blank weight added"):
        built, reference = pair(name)
        chances = built.model.get_normalized_probs(ask_fairseq(built, sources[:1]), True)[:, 0]
        kept = chances.argmax(-1).unique_consecutive()
        assert reference.search(sources[0], GREEDY)[0].tokens == tuple(kept[kept != 0].tolist())


def test_the_golden_checkpoint_reads_its_clips_letter_by_letter(
    clip: Callable[[str], Clip],
) -> None:
    folder = golden_folder() / "ctc"
    reference = restore(BuiltCtc(path=folder / "model.pt", task=None, model=None))
    for name in ("en_1", "de_2", "ru_2"):
        source = reference.front_end(torch.from_numpy(clip(name).waveform))
        ids = reference.search(source, GREEDY)[0].tokens
        assert reference.text(ids) == clip(name).transcript
        # A file of labels has one more word delimiter.
        assert ids[:-1] == reference.encode(clip(name).transcript or "")


def test_blanks_part_doubled_letters_and_repetitions_are_one(
    pair: MakePair, monkeypatch: pytest.MonkeyPatch, sources: list[Tensor]
) -> None:
    _, reference = pair("layer norm")
    h, e, ll, o = (reference.task.target_dictionary.index(letter) for letter in "HELO")
    path = [0, h, h, 0, e, ll, ll, 0, 0, ll, o, o, 0]
    emitted = torch.nn.functional.one_hot(torch.tensor([path]), 32).float()

    def ask(*_: Any, **__: Any) -> Any:
        return Namespace(outputs={"emissions": emitted})

    monkeypatch.setattr(reference, "forward", ask)
    assert reference.search(sources[0], GREEDY)[0].tokens == (h, e, ll, ll, o)
    assert reference.text(reference.search(sources[0], GREEDY)[0].tokens) == "HELLO"


def test_text_and_ids_go_both_ways(pair: MakePair) -> None:
    _, reference = pair("layer norm")
    ids = reference.encode("HELLO THERE")
    symbols = [reference.task.target_dictionary[i] for i in ids]
    assert "".join(symbols) == "HELLO|THERE"
    assert reference.text(ids) == "HELLO THERE"
    assert reference.text(()) == ""


def test_symbols_of_several_letters_are_joined(pair: MakePair) -> None:
    _, reference = pair("phones of several letters")
    index = reference.task.target_dictionary.index
    assert reference.text([index("k_h"), index("eɪ"), index("|"), index("b")]) == "k_heɪ b"


def test_the_front_end_standardizes_where_the_task_says_so(pair: MakePair) -> None:
    waveform = 0.01 * torch.randn(4000, generator=torch.Generator().manual_seed(1)) + 0.2
    for name in (*KINDS, "layer norm, not normalized", "group norm, normalized"):
        _, reference = pair(name)
        expected = (
            torch.nn.functional.layer_norm(waveform, waveform.shape)
            if BY_NAME[name].normalizes
            else waveform
        )
        assert reference.front_end(waveform).equal(expected)


def test_settings_may_be_a_namespace_in_a_namespace(pair: MakePair, sources: list[Tensor]) -> None:
    built, reference = pair("Namespace")
    args = torch.load(built.path, weights_only=False)["args"]
    assert isinstance(args.w2v_args, Namespace)
    given = restore(built, args).forward(sources).logits
    assert difference(given, reference.forward(sources).logits) <= ROUNDING


def test_the_given_settings_are_not_changed(pair: MakePair) -> None:
    built, _ = pair("old inner configuration")
    settings, again = read_settings(built), read_settings(built)
    restore(built, settings)
    assert settings == again


def test_what_the_outer_arguments_lack_is_filled_and_what_they_have_stays(pair: MakePair) -> None:
    built, _ = pair("Namespace")
    args = make_arguments({**read_settings(built), "blank_weight": 2}, built.model.state_dict())
    assert (args.freeze_regex, args.mask_channel_before, args.blank_weight) == (None, False, 2)
    assert (args.data, args.w2v_path) == (".", None)
    assert args.w2v_args.model.encoder_embed_dim == 32


def test_what_only_training_needs_is_left_out(pair: MakePair) -> None:
    built, _ = pair("layer norm")
    settings = {**read_settings(built), "ddp_backend": "fully_sharded", "w2v_path": "/x.pt"}
    args = make_arguments(settings, built.model.state_dict())
    assert (args.ddp_backend, args.w2v_path) == ("pytorch_ddp", None)


def test_a_missing_outer_normalize_is_the_encoders(pair: MakePair) -> None:
    built, _ = pair("layer norm")
    settings = {k: v for k, v in read_settings(built).items() if k != "normalize"}
    assert restore(built, settings).task.normalize is True


def test_normalize_that_says_two_things_is_refused(pair: MakePair) -> None:
    built, _ = pair("layer norm")
    with pytest.raises(AssertionError, match="normaliz"):
        restore(built, {**read_settings(built), "normalize": False})


def test_missing_pretrained_arguments_are_refused(pair: MakePair) -> None:
    built, _ = pair("layer norm")
    with pytest.raises(ValueError, match="`w2v_args`, but has none"):
        restore(built, {**read_settings(built), "w2v_args": None})


def test_weights_that_do_not_fit_are_refused(pair: MakePair) -> None:
    built, _ = pair("layer norm")
    state = {**built.model.state_dict(), "w2v_encoder.extra": torch.zeros(1)}
    given = read_settings(built), read_symbols(built)
    with quiet_fairseq():
        with pytest.raises(RuntimeError, match="extra"):
            build_reference(*given, state)
        build_reference(*given, state, dropped=["w2v_encoder.extra"])
        with pytest.raises(RuntimeError, match="size mismatch"):
            build_reference(given[0], given[1][:-1], built.model.state_dict())


def test_adapters_that_only_the_tensors_tell_are_built_and_chosen(
    pair: MakePair, sources: list[Tensor]
) -> None:
    built, _ = pair("adapters for languages")
    silent = {k: v for k, v in read_settings(built).items() if k not in ADAPTERS}
    for adapter in (0, 2):
        expected = ask_fairseq(built, sources, corpus_key=[adapter] * 3)["encoder_out"]
        given = restore(built, silent, adapter=adapter).forward(sources).logits
        assert difference(given, expected.transpose(0, 1)) <= ROUNDING


def test_layers_are_read_off_the_tensors(pair: MakePair) -> None:
    state = pair("layer norm")[0].model.state_dict()
    assert read_layers(state) == {"layer_type": "transformer"}
    conv = {f"{STACK}.layers.0.conv_module.depthwise_conv.weight": torch.zeros(1)}
    assert read_layers(conv) == {"layer_type": "conformer"}
    adapters = {f"{STACK}.layers.{i}.adapter_layer.W_a": torch.zeros(5, 4, 32) for i in (1, 3)}
    assert read_layers(adapters) == {
        **{"layer_type": "trf_adp", "adp_num": 5, "adp_dim": 4},
        "adp_trf_idx": "1:4:2",
    }


def test_a_layer_type_that_the_outer_arguments_deny_is_corrected(pair: MakePair) -> None:
    built, _ = pair("layer norm")
    wrong = {**read_settings(built), "layer_type": "conformer"}
    args = make_arguments(wrong, built.model.state_dict())
    assert args.layer_type == args.w2v_args.model.layer_type == "transformer"


def test_a_dictionary_has_a_row_for_every_symbol_also_for_one_that_stands_twice() -> None:
    dictionary = make_dictionary(["|", "A", "A"])
    assert [dictionary[i] for i in range(len(dictionary))] == [*SPECIAL_SYMBOLS, "|", "A", "A"]


def test_the_variants_cover_both_kinds_and_the_namespace_of_each() -> None:
    assert {v.kind is GROUP_NORM for v in BUILDABLE if v.save is as_namespace} == {True, False}
