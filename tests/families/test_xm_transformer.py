from dataclasses import replace

import pytest
import torch

from toolkit.checkpoint.dictionary import Dictionary
from toolkit.core.errors import BadInput
from toolkit.families import Options
from toolkit.families.xm_transformer import CONV, FAMILY, POS_CONV, W2V
from toolkit.folder.skeleton import target_specs
from toolkit.mapping import Drop, Fill, Identity, Zeros, make_plan

NO_OPTIONS = Options()
W2V_CONFIG = {
    "num_attention_heads": 3,
    "hidden_act": "gelu",
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "do_stable_layer_norm": True,
}


def network_of(checkpoint, **options):
    return FAMILY.network(checkpoint, Options(**options))


def values(derived):
    return {key: field.value for key, field in derived.items()}


def rows(network, kind):
    return [row for row in network.table.rows if isinstance(row, kind)]


@pytest.fixture
def task_of(prepared):
    """The golden checkpoint's task with other companions, options or checkpoint."""

    def make(*, config=None, symbols=None, checkpoint=None, **options):
        checkpoint = checkpoint or prepared.checkpoint
        dictionary = prepared.sidecars.dictionary
        sidecars = replace(
            prepared.sidecars,
            config={**prepared.sidecars.config, **(config or {})},
            dictionary=Dictionary(symbols=tuple(symbols)) if symbols else dictionary,
        )
        chosen = Options(**options)
        return FAMILY.task(checkpoint, sidecars, FAMILY.network(checkpoint, chosen), chosen)

    return make


@pytest.fixture
def plan_of(task_of):
    """The plan for a checkpoint, from its own network to the model that its config describes."""

    def make(checkpoint, **options):
        network = network_of(checkpoint, **options)
        config = task_of(checkpoint=checkpoint, **options).contents.config
        return make_plan(network.table, checkpoint.tensors, target_specs(config))

    return make


# The golden checkpoint's network


def test_the_golden_network_has_the_shape_it_was_made_with(prepared):
    encoder, decoder = values(prepared.network.encoder), values(prepared.network.decoder)
    expected_encoder = {
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "intermediate_size": 192,
        "hidden_act": "gelu",
        "conv_dim": [32] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_bias": True,
        "feat_extract_norm": "layer",
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        "do_stable_layer_norm": True,
        "add_adapter": True,
        "num_adapter_layers": 3,
        "adapter_kernel_size": 3,
        "adapter_stride": 2,
        "output_hidden_size": 48,
    }
    expected_decoder = {
        "vocab_size": 189,
        "d_model": 48,
        "decoder_layers": 3,
        "decoder_ffn_dim": 192,
        "decoder_attention_heads": 3,
        "activation_function": "gelu",
        "max_position_embeddings": 1024,
        "scale_embedding": True,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    }
    assert {key: encoder[key] for key in expected_encoder} == expected_encoder
    assert {key: decoder[key] for key in expected_decoder} == expected_decoder
    assert prepared.network.generation == "v0"
    assert (prepared.network.unknown, prepared.network.refusals) == ((), ())


def test_every_value_of_the_configuration_has_its_evidence(prepared):
    config = prepared.task.contents.config
    for side in ("encoder", "decoder"):
        derived = getattr(prepared.network, side)
        assert config[side] == values(derived)
        assert all(field.evidence.strip() for field in derived.values())


def test_evidence_of_shapes_and_counts_names_tensors_that_are_there(prepared):
    tensors = prepared.checkpoint.tensors
    for derived in (prepared.network.encoder, prepared.network.decoder):
        for field in derived.values():
            for word in ("shape of ", "presence of ", "number of "):
                if field.evidence.startswith(word):
                    name = field.evidence.removeprefix(word).replace("{i}", "0")
                    assert name in tensors or any(t.startswith(f"{name}.") for t in tensors)


def test_the_golden_checkpoint_drops_the_file_version_alone(prepared):
    assert [reason.name for reason in prepared.plan.dropped] == ["decoder.version"]


def test_arguments_in_one_namespace_give_the_same_network(prepared, variant):
    network = network_of(variant(as_args=True))
    assert values(network.encoder) == values(prepared.network.encoder)
    assert values(network.decoder) == values(prepared.network.decoder)
    assert network.table == prepared.network.table


# What the checkpoint does not say


def test_values_that_nothing_gives_are_named_with_the_option_that_supplies_each(variant):
    network = network_of(variant(model={"w2v_args": None}))
    assert {reason.name for reason in network.unknown} == {f"encoder.{key}" for key in W2V_CONFIG}
    for reason in network.unknown:
        key = reason.name.removeprefix("encoder.")
        assert reason.because.endswith(f"supply `--encoder-config '{{\"{key}\": ...}}'`")


def test_values_that_the_user_supplies_are_known(variant):
    network = network_of(variant(model={"w2v_args": None}), encoder_config=W2V_CONFIG)
    assert network.unknown == ()
    for key, value in W2V_CONFIG.items():
        assert network.encoder[key].value == value
        assert network.encoder[key].evidence == "--encoder-config"


def test_a_supplied_value_outweighs_the_checkpoints(prepared):
    network = network_of(prepared.checkpoint, decoder_config={"decoder_attention_heads": 4})
    assert network.decoder["decoder_attention_heads"].value == 4
    assert network.decoder["decoder_attention_heads"].evidence == "--decoder-config"


def test_an_absent_argument_takes_fairseqs_default_and_says_so(variant, gone):
    checkpoint = variant(model={"adaptor_stride": gone, "no_scale_embedding": gone})
    network = network_of(checkpoint)
    assert network.encoder["adapter_stride"].value == 2
    assert network.decoder["scale_embedding"].value is True
    evidence = "fairseq's default, as args.adaptor_stride is absent"
    assert network.encoder["adapter_stride"].evidence == evidence


def test_the_pretraining_arguments_outweigh_the_fine_tuning_ones(variant, gone):
    checkpoint = variant(model={"dropout": 0.3, "mask_prob": 0.2}, w2v={"dropout": 0.1})
    encoder = network_of(checkpoint).encoder
    assert (encoder["hidden_dropout"].value, encoder["mask_time_prob"].value) == (0.1, 0.2)
    assert network_of(variant(model={"dropout": 0.3}, w2v={"dropout": gone})).encoder[
        "hidden_dropout"
    ].value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("gelu_accurate", "gelu_new"), ("gelu_fast", "gelu_new"), ("relu", "relu")],
)
def test_activations_take_their_names_in_transformers(variant, name, expected):
    network = network_of(variant(model={"activation_fn": name}, w2v={"activation_fn": name}))
    assert network.encoder["hidden_act"].value == expected
    assert network.decoder["activation_function"].value == expected


@pytest.mark.parametrize("name", [f"{CONV}0.0.weight", "decoder.embed_tokens.weight"])
def test_a_checkpoint_without_encoder_or_decoder_is_no_member(prepared, variant, gone, name):
    assert FAMILY.matches(prepared.checkpoint)
    assert not FAMILY.matches(variant({name: gone}))


@pytest.mark.parametrize(
    "name",
    [W2V + "encoder.layer_norm.weight", W2V + "encoder.layers.0.fc1.weight"],
)
def test_a_tensor_that_every_member_has_is_missed_by_name(variant, gone, name):
    with pytest.raises(BadInput, match=f"`{name}` must be in an XMTransformer checkpoint"):
        network_of(variant({name: gone}))


# Variants of the network, each with its plan


def test_equal_widths_without_a_projection_are_filled_with_the_identity(
    variant, golden_tensors, gone, plan_of
):
    wide = {}
    for i in range(7):
        inputs, kernel = (1 if i == 0 else 48), golden_tensors[f"{CONV}{i}.0.weight"].shape[2]
        wide[f"{CONV}{i}.0.weight"] = torch.randn(48, inputs, kernel)
        wide.update(
            {f"{CONV}{i}.{n}": torch.ones(48) for n in ("0.bias", "2.1.weight", "2.1.bias")}
        )
    wide.update({f"{W2V}layer_norm.{n}": torch.ones(48) for n in ("weight", "bias")})
    wide.update({f"{W2V}post_extract_proj.{n}": gone for n in ("weight", "bias")})
    checkpoint = variant(wide, w2v={"conv_feature_layers": "[(48,10,5)]+[(48,3,2)]*4+[(48,2,2)]*2"})
    fills = {row.target.rpartition(".")[2]: row for row in rows(network_of(checkpoint), Fill)}
    assert (fills["weight"].values, fills["bias"].values) == (Identity(), Zeros())
    assert all("post_extract_proj" in row.because for row in fills.values())
    plan = plan_of(checkpoint)
    projection = plan.assignments["encoder.feature_projection.projection.weight"]
    assert (projection.source, projection.op) == (None, Identity())


def test_a_projection_is_mapped_and_nothing_filled(prepared):
    assert rows(prepared.network, Fill) == []


def test_a_group_norm_extractor_has_one_norm(variant, gone, plan_of):
    tensors = {f"{CONV}{i}.2.1.{n}": gone for i in range(7) for n in ("weight", "bias")}
    tensors.update({f"{CONV}0.2.{n}": torch.ones(32) for n in ("weight", "bias")})
    tensors.update({f"{CONV}{i}.0.bias": gone for i in range(7)})
    checkpoint = variant(tensors, w2v={"extractor_mode": "default"})
    network = network_of(checkpoint)
    assert network.encoder["feat_extract_norm"].value == "group"
    assert network.encoder["conv_bias"].value is False
    plan = plan_of(checkpoint)
    norm = "encoder.feature_extractor.conv_layers.0.layer_norm.weight"
    assert plan.assignments[norm].source == f"{CONV}0.2.weight"


def test_an_untied_output_is_mapped_by_a_rule(variant, golden_tensors, plan_of):
    own = golden_tensors["decoder.output_projection.weight"] + 1
    checkpoint = variant(
        {"decoder.output_projection.weight": own},
        model={"share_decoder_input_output_embed": False},
    )
    plan = plan_of(checkpoint)
    assert plan.ties == ()
    head = plan.assignments["decoder.lm_head.weight"]
    assert head.source == "decoder.output_projection.weight"


def test_a_tied_output_is_declared_and_never_written_twice(prepared, variant, gone, plan_of):
    assert [tie.target for tie in prepared.plan.ties] == ["decoder.lm_head.weight"]
    assert "decoder.lm_head.weight" not in prepared.plan.assignments
    without_twin = plan_of(variant({"decoder.output_projection.weight": gone}))
    assert without_twin.ties == prepared.plan.ties


def test_a_removed_weight_norm_is_split_again(variant, gone, plan_of, golden_tensors):
    v = golden_tensors[POS_CONV + "weight_v"]
    checkpoint = variant(
        {POS_CONV + "weight_g": gone, POS_CONV + "weight_v": gone, POS_CONV + "weight": v}
    )
    encoder = network_of(checkpoint).encoder
    assert encoder["num_conv_pos_embeddings"].value == 16
    assert encoder["num_conv_pos_embedding_groups"].value == 4
    plan = plan_of(checkpoint)
    split = [a.output for a in plan.assignments.values() if a.source == POS_CONV + "weight"]
    assert split == [0, 1]


@pytest.mark.parametrize("key", ["mask_prob", "mask_channel_prob"])
def test_a_mask_embedding_is_kept_where_any_masking_is(variant, plan_of, key):
    checkpoint = variant(model={"mask_prob": 0.0, "mask_channel_prob": 0.0, key: 0.1})
    assert plan_of(checkpoint).assignments["encoder.masked_spec_embed"].source == W2V + "mask_emb"


def test_a_mask_embedding_is_dropped_where_no_masking_is(variant, plan_of):
    plan = plan_of(variant(model={"mask_prob": 0.0, "mask_channel_prob": 0.0}))
    assert "encoder.masked_spec_embed" not in plan.targets
    because = {reason.name: reason.because for reason in plan.dropped}
    assert "masks none" in because[W2V + "mask_emb"]


def test_what_only_pretraining_needs_is_dropped_with_a_reason(variant, plan_of):
    names = [
        "quantizer.vars",
        "quantizer.weight_proj.weight",
        "quantizer.weight_proj.bias",
        "project_q.weight",
        "project_q.bias",
        "final_proj.weight",
        "final_proj.bias",
        "target_glu.0.weight",
        "target_glu.0.bias",
    ]
    checkpoint = variant({W2V + name: torch.ones(2) for name in names})
    dropped = {reason.name: reason.because for reason in plan_of(checkpoint).dropped}
    assert dropped.keys() == {"decoder.version", *(W2V + name for name in names)}
    assert all("pretraining only" in dropped[W2V + name] for name in names)
    assert len(rows(network_of(checkpoint), Drop)) == 5


def test_a_network_without_an_adaptor_has_no_adapter(variant, gone, plan_of, task_of):
    names = [f"encoder.adaptor.layers.{i}.{n}" for i in range(3) for n in ("weight", "bias")]
    checkpoint = variant(dict.fromkeys(names, gone))
    network = network_of(checkpoint)
    assert network.generation == "v0 without adaptor"
    assert network.encoder["add_adapter"].value is False
    assert network.refusals == ()
    assert not any("adapter" in name for name in plan_of(checkpoint).targets)
    assert task_of(checkpoint=checkpoint).padding.unmasked is None


def test_half_precision_is_kept_in_the_configuration(variant, golden_tensors, task_of):
    halves = {name: tensor.half() for name, tensor in golden_tensors.items()}
    assert task_of(checkpoint=variant(halves)).contents.config["dtype"] == "float16"


# What stock classes cannot express


def refusals(network):
    return {reason.name: reason.because for reason in network.refusals}


@pytest.mark.parametrize(
    ("tensor", "refusal", "generation"),
    [
        ("encoder.adaptor.proj.0.weight", "encoder.adaptor.proj", "v1 (adaptor_proj)"),
        (
            "encoder.adaptor.layernorm.weight",
            "encoder.adaptor.layernorm",
            "v0 with adaptor_layernorm",
        ),
        (
            "encoder.adaptor.layernorms.0.weight",
            "encoder.adaptor.layernorm",
            "July 2021 (adaptor.layernorms)",
        ),
        (
            "encoder.w2v_encoder.proj.weight",
            "encoder.w2v_encoder.proj",
            "encoder_proj without adaptor_proj",
        ),
        ("decoder.project_in_dim.weight", "decoder.project", "v0"),
        ("decoder.project_out_dim.weight", "decoder.project", "v0"),
    ],
)
def test_a_tensor_that_has_no_counterpart_is_refused(variant, tensor, refusal, generation):
    network = network_of(variant({tensor: torch.ones(48)}))
    assert list(refusals(network)) == [refusal]
    assert network.generation == generation


@pytest.mark.parametrize(
    ("tensors", "refusal"),
    [
        (["decoder.layer_norm.weight", "decoder.layer_norm.bias"], "decoder.layer_norm"),
        (
            ["decoder.layernorm_embedding.weight", "decoder.layernorm_embedding.bias"],
            "decoder.layernorm_embedding",
        ),
        (["decoder.embed_positions.weight"], "decoder.embed_positions"),
    ],
)
def test_a_decoder_that_lacks_what_mbart_always_has_is_refused(variant, gone, tensors, refusal):
    network = network_of(variant(dict.fromkeys(tensors, gone)))
    assert list(refusals(network)) == [refusal]


@pytest.mark.parametrize("flag", [False, "gone"])
def test_a_decoder_that_normalizes_after_its_blocks_is_refused(variant, gone, flag):
    checkpoint = variant(model={"decoder_normalize_before": gone if flag == "gone" else flag})
    assert list(refusals(network_of(checkpoint))) == ["args.decoder_normalize_before"]


def test_a_decoder_of_another_width_is_refused_with_both_widths(variant, gone):
    names = [f"encoder.adaptor.layers.{i}.{n}" for i in range(3) for n in ("weight", "bias")]
    tensors = {**dict.fromkeys(names, gone), "decoder.embed_tokens.weight": torch.ones(189, 64)}
    because = refusals(network_of(variant(tensors)))["decoder.embed_tokens"]
    assert "width 64" in because
    assert "48" in because


@pytest.mark.parametrize("kernel", [1, 5])
def test_an_adaptor_with_another_kernel_is_refused(variant, kernel):
    tensors = {f"encoder.adaptor.layers.{i}.weight": torch.ones(96, 48, kernel) for i in range(3)}
    assert list(refusals(network_of(variant(tensors)))) == ["encoder.adaptor.layers"]


@pytest.mark.parametrize(
    ("argument", "refusal"),
    [
        ({"layer_type": "conformer"}, "w2v_args.layer_type"),
        ({"pos_conv_depth": 5}, "w2v_args.pos_conv_depth"),
    ],
)
def test_an_encoder_of_another_kind_is_refused(variant, argument, refusal):
    assert list(refusals(network_of(variant(w2v=argument)))) == [refusal]


def test_an_activation_without_an_equal_is_refused(variant):
    network = network_of(variant(model={"activation_fn": "gelu_of_my_own"}))
    assert list(refusals(network)) == ["args.activation_fn"]


def test_every_reason_for_a_refusal_is_given_at_once(variant, gone):
    checkpoint = variant(
        {"encoder.adaptor.proj.0.weight": torch.ones(4), "decoder.layer_norm.weight": gone},
        w2v={"layer_type": "conformer"},
    )
    found = refusals(network_of(checkpoint))
    assert len(found) == 3
    assert all(found.values())


# The task


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_dictionary_of_another_size_is_refused_with_both_sizes(prepared, task_of, extra):
    symbols = [*prepared.sidecars.dictionary.symbols, "more"][: 189 + extra]
    with pytest.raises(
        BadInput, match=f"must give 189 symbols, .*but gives {189 + extra} .*--dict"
    ):
        task_of(symbols=symbols)


def test_the_configurations_own_language_is_the_default(task_of):
    task = task_of()
    assert task.default_lang == "en"
    assert task.contents.prefix_tag == "<lang:en>"
    assert task.contents.generation["forced_bos_token_id"] == 183
    assert list(task.contents.language_tags) == ["de", "en", "es", "fr", "it", "pt", "ru"]


def test_a_language_can_be_chosen(task_of):
    task = task_of(target_lang="ru")
    assert (task.default_lang, task.contents.prefix_tag) == ("ru", "<lang:ru>")
    assert task.contents.generation["forced_bos_token_id"] == 188


def test_an_unknown_language_is_refused_with_those_that_are_there(task_of):
    with pytest.raises(
        BadInput, match=r"`xx` must be a target language .*: de, en, es, fr, it, pt"
    ):
        task_of(target_lang="xx")


def test_an_unknown_language_of_the_configuration_is_refused(task_of):
    with pytest.raises(BadInput, match=r"`xx` must be a target language .*--target-lang"):
        task_of(config={"hub": {"tgt_lang": "xx", "input_type": "waveform"}})


def test_several_languages_without_a_default_are_refused(task_of):
    with pytest.raises(BadInput, match=r"has 7 .de, en, es, fr, it, pt, ru. .*--target-lang"):
        task_of(config={"hub": {"input_type": "waveform"}})


def test_the_only_language_needs_no_choice(prepared, task_of):
    symbols = [
        s if i < 182 or i == 185 else f"piece{i}"
        for i, s in enumerate(prepared.sidecars.dictionary.symbols)
    ]
    task = task_of(symbols=symbols, config={"hub": None})
    assert task.default_lang == "fr"


def test_a_tag_that_stands_behind_bos_is_refused(task_of):
    with pytest.raises(BadInput, match="prepend_bos_and_append_tgt_lang_tag"):
        task_of(config={"prepend_bos_and_append_tgt_lang_tag": True})


def test_a_language_for_a_task_without_tags_is_refused(task_of):
    with pytest.raises(BadInput, match=r"--target-lang de. must choose .*prepend_tgt_lang_tag"):
        task_of(config={"prepend_tgt_lang_tag": False}, target_lang="de")


def test_a_task_without_tags_generates_at_least_what_fairseq_does(task_of, variant):
    task = task_of(
        config={"prepend_tgt_lang_tag": False}, checkpoint=variant(generation={"min_len": 3})
    )
    assert (task.default_lang, task.contents.prefix_tag) == (None, None)
    assert task.contents.generation["min_new_tokens"] == 3
    assert "forced_bos_token_id" not in task.contents.generation


def test_the_generation_settings_are_fairseqs_defaults_in_its_own_terms(task_of):
    assert task_of().contents.generation == {
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_bos_token_id": 183,
        "forced_eos_token_id": 2,
        "suppress_tokens": [1],
        "max_length": 202,
        "num_beams": 5,
        "length_penalty": 1.0,
        "early_stopping": True,
        "no_repeat_ngram_size": 0,
    }


@pytest.mark.parametrize("as_args", [False, True])
def test_the_generation_settings_are_the_checkpoints_own(variant, task_of, as_args):
    chosen = {"beam": 3, "lenpen": 0.5, "max_len_b": 50, "no_repeat_ngram_size": 2}
    task = task_of(checkpoint=variant(generation=chosen, as_args=as_args))
    generation = task.contents.generation
    assert (task.search.beam, task.search.lenpen, task.search.max_len_b) == (3, 0.5, 50)
    assert (generation["num_beams"], generation["length_penalty"]) == (3, 0.5)
    assert (generation["max_length"], generation["no_repeat_ngram_size"]) == (52, 2)


def test_a_search_is_never_longer_than_the_positions(variant, golden_tensors, task_of):
    positions = golden_tensors["decoder.embed_positions.weight"][:66]
    task = task_of(checkpoint=variant({"decoder.embed_positions.weight": positions}))
    assert task.contents.max_positions == 64
    assert task.contents.generation["max_length"] == 65


@pytest.mark.parametrize(
    ("input_type", "normalize"), [("standardized_waveform", True), ("waveform", False)]
)
def test_the_input_type_decides_about_normalization(task_of, input_type, normalize):
    task = task_of(config={"hub": {"input_type": input_type, "tgt_lang": "en"}})
    assert task.contents.preprocessor["do_normalize"] is normalize
    assert task.reference_yaml["hub"] == {"input_type": input_type, "tgt_lang": "en"}


def test_agreement_about_normalization_is_no_assumption(task_of):
    assert task_of().assumptions == ()


def test_a_conflict_about_normalization_is_an_assumption_that_names_both_sides(task_of):
    (assumption,) = task_of(
        config={"hub": {"input_type": "waveform", "tgt_lang": "en"}}
    ).assumptions
    assert assumption.name == "preprocessor_config.do_normalize"
    assert assumption.because == (
        "config.yaml hub.input_type says False, which fairseq's own inference follows, although "
        "args.normalize and w2v_args.task.normalize and config.yaml standardize_audio says True"
    )


def test_without_an_input_type_the_models_arguments_decide(task_of, variant):
    task = task_of(
        config={"hub": {"tgt_lang": "en"}, "standardize_audio": True},
        checkpoint=variant(model={"normalize": False}, w2v={"normalize": False}),
    )
    assert task.contents.preprocessor["do_normalize"] is False
    assert "config.yaml standardize_audio" in task.assumptions[0].because


def test_normalization_that_nothing_says_is_refused(prepared, variant, gone):
    checkpoint = variant(model={"normalize": gone}, w2v={"normalize": gone})
    config = {k: v for k, v in prepared.sidecars.config.items() if k != "standardize_audio"}
    sidecars = replace(prepared.sidecars, config={**config, "hub": {"tgt_lang": "en"}})
    with pytest.raises(BadInput, match=r"`preprocessor_config.do_normalize` must be known"):
        FAMILY.task(checkpoint, sidecars, FAMILY.network(checkpoint, NO_OPTIONS), NO_OPTIONS)


def test_the_front_end_is_that_of_wav2vec(task_of):
    preprocessor = task_of().contents.preprocessor
    assert preprocessor["feature_extractor_type"] == "Wav2Vec2FeatureExtractor"
    assert (preprocessor["sampling_rate"], preprocessor["return_attention_mask"]) == (16_000, True)


def test_the_reference_reads_its_files_beside_its_configuration(prepared, task_of):
    task = task_of(config={"vocab_filename": "/cluster/dict.txt"})
    assert task.reference_yaml["vocab_filename"] == "dict.txt"
    assert task.reference_yaml["bpe_tokenizer"]["sentencepiece_model"] == "spm.model"
    assert task.reference_yaml["prepend_tgt_lang_tag"] is True
    own = prepared.checkpoint.settings["cfg"]["model"]
    assert task.reference_settings["w2v_args"] == own["w2v_args"]
    assert task.reference_settings["decoder_layers"] == 3
