import json

import pytest
import torch
import transformers
from fairseq.models.speech_to_text.xm_transformer import Conv1dAdaptor
from fairseq.modules import SinusoidalPositionalEmbedding
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from toolkit.bundled import MODELLING, PARTS, STACK
from toolkit.bundled.speech_encoder_decoder import (
    EncoderSettings,
    LengthAdapter,
    NoPositions,
    SinusoidalPositions,
    StackedPositionalConvolution,
)
from toolkit.oracle.mends.adaptors import NormedAdaptor, choose_padding
from toolkit.pipeline.reference import open_reference
from toolkit.replay.target import quiet_transformers

NAMES = ("v1", "even")
WIDTH = 8
NEVER_DROP = {
    "encoder": (
        "hidden_dropout",
        "attention_dropout",
        "activation_dropout",
        "feat_proj_dropout",
        "layerdrop",
    ),
    "decoder": ("dropout", "attention_dropout", "activation_dropout", "decoder_layerdrop"),
}


def load(folder, **options):
    with quiet_transformers():
        return transformers.AutoModelForSpeechSeq2Seq.from_pretrained(
            folder, trust_remote_code=True, local_files_only=True, **options
        )


@pytest.fixture(scope="module")
def model_of(carrying):
    models = {name: load(carrying(name).folder) for name in NAMES}
    return models.__getitem__


@pytest.fixture(scope="module")
def waveforms(clip):
    """Two clips of different lengths."""
    whole = torch.from_numpy(clip("ru_2").waveform)
    return whole, whole[3000:9001]


def in_batch(waveforms):
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    batch = nn.utils.rnn.pad_sequence(waveforms, batch_first=True)
    return batch, (torch.arange(batch.shape[1]) < lengths[:, None]).long()


# Loading


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_loads_as_the_class_that_it_carries(model_of, name):
    model = model_of(name)
    assert type(model).__module__.startswith("transformers_modules.")
    assert type(model).__name__ == "SpeechEncoderDecoderModel"
    assert isinstance(model, transformers.SpeechEncoderDecoderModel)
    assert type(model.encoder).__name__ == "Encoder"
    assert type(model.decoder).__name__ == "PreNormDecoder"


@pytest.mark.parametrize("name", NAMES)
def test_loading_finds_every_weight_in_its_place(carrying, name):
    _, info = load(carrying(name).folder, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


@pytest.mark.parametrize(
    "loader",
    [
        "AutoConfig",
        "AutoModel",
        "AutoModelForSpeechSeq2Seq",
        "AutoModelForSeq2SeqLM",
        "AutoModelForCausalLM",
        "AutoModelForCTC",
        "SpeechEncoderDecoderModel",
        "SpeechEncoderDecoderConfig",
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_without_trust_a_folder_loads_as_nothing(carrying, monkeypatch, loader, asked):
    monkeypatch.setattr("builtins.input", lambda _: "n")
    options = {"trust_remote_code": False} if loader.startswith("Auto") and not asked else {}
    with pytest.raises(ValueError, match=r"custom code|Unrecognized model type"):
        getattr(transformers, loader).from_pretrained(carrying("v1").folder, **options)


@pytest.mark.parametrize("loader", ["AutoModel", "AutoModelForSeq2SeqLM", "AutoModelForCTC"])
def test_with_trust_a_folder_loads_as_nothing_but_what_it_is(carrying, loader):
    with pytest.raises(ValueError, match="Unrecognized configuration class"):
        getattr(transformers, loader).from_pretrained(carrying("v1").folder, trust_remote_code=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_loads_and_generates_in_any_precision(carrying, model_of, waveforms, name, dtype):
    model = load(carrying(name).folder, dtype=dtype)
    inputs = waveforms[0].unsqueeze(0)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    logits = model(input_values=inputs.to(dtype), decoder_input_ids=torch.tensor([[2, 183]])).logits
    assert logits.dtype is dtype
    expected = model_of(name)(input_values=inputs, decoder_input_ids=torch.tensor([[2, 183]]))
    torch.testing.assert_close(logits.float(), expected.logits, rtol=0.1, atol=0.1)
    assert model.generate(inputs.to(dtype), max_new_tokens=4).shape == (1, 5)


# Use


@pytest.mark.parametrize("beams", [1, 5])
@pytest.mark.parametrize("name", NAMES)
def test_a_cache_changes_no_token(model_of, waveforms, name, beams):
    inputs = waveforms[0].unsqueeze(0)
    cached, anew = (
        model_of(name).generate(inputs, num_beams=beams, use_cache=cache) for cache in (True, False)
    )
    assert cached.shape[1] > 4
    assert cached.equal(anew)


def test_a_row_of_a_padded_batch_says_what_the_clip_says_alone(model_of, waveforms):
    """With kernels that fairseq runs no padded batches with."""
    batch, mask = in_batch(waveforms)
    rows = model_of("even").generate(batch, attention_mask=mask)
    for row, waveform in zip(rows.tolist(), waveforms, strict=True):
        (alone,) = model_of("even").generate(waveform.unsqueeze(0)).tolist()
        assert row[: len(alone)] == alone
        assert set(row[len(alone) :]) <= {1}


def test_a_padded_batch_is_encoded_as_fairseq_encodes_it(carrying, model_of, waveforms):
    batch, mask = in_batch(waveforms)
    with open_reference(carrying("v1").prepared) as reference, torch.no_grad():
        expected = reference.model.encoder(batch, mask.sum(1))
        actual = model_of("v1").encoder(batch, attention_mask=mask).last_hidden_state
    states = expected["encoder_out"][0].transpose(0, 1)  # (T, B, D) -> (B, T, D)
    torch.testing.assert_close(actual, states, rtol=0, atol=2e-5)
    lengths = model_of("v1").encoder._get_feat_extract_output_lengths(mask.sum(1))
    assert lengths.tolist() == (~expected["encoder_padding_mask"][0]).sum(1).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_stock_generate_works_on_a_carried_model(model_of, waveforms, name):
    model = model_of(name)
    inputs = waveforms[0].unsqueeze(0)
    with quiet_transformers():
        stock = type(model).generate(model, inputs, num_beams=1, max_new_tokens=6)
    assert stock[0, 0] == 2
    assert stock.shape == (1, 7)


def test_the_pipeline_says_what_the_model_generates(carrying, waveforms):
    folder = carrying("v1").folder
    with quiet_transformers():
        recognize = transformers.pipeline(
            "automatic-speech-recognition", model=str(folder), trust_remote_code=True
        )
        text = recognize({"raw": waveforms[0].numpy(), "sampling_rate": 16_000})["text"]
    inputs = recognize.feature_extractor(
        waveforms[0].numpy(), sampling_rate=16_000, return_tensors="pt"
    )
    tokens = recognize.model.generate(**inputs)[0]
    assert text == recognize.tokenizer.decode(tokens, skip_special_tokens=True)
    assert text.strip()


@pytest.mark.parametrize("name", NAMES)
def test_saving_and_loading_again_changes_nothing(model_of, waveforms, tmp_path, name):
    model = model_of(name)
    model.save_pretrained(tmp_path)
    for file in (MODELLING, PARTS, STACK):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["auto_map"] == model.config.auto_map
    assert config["model_type"] == "xm_transformer"
    again = load(tmp_path)
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(again.state_dict()[n].equal(t) for n, t in model.state_dict().items())
    decoder = again.decoder
    tied = decoder.lm_head.weight is decoder.model.decoder.embed_tokens.weight
    assert tied == (name == "even")
    inputs = {"input_values": waveforms[0][None], "decoder_input_ids": torch.tensor([[2, 183, 5]])}
    assert again(**inputs).logits.equal(model(**inputs).logits)


def gradients(folder, waveforms, *, checkpointing):
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    for side, keys in NEVER_DROP.items():
        for key in keys:
            setattr(getattr(config, side), key, 0.0)
    config.encoder.apply_spec_augment = False
    model = load(folder, config=config)
    if checkpointing:
        model.gradient_checkpointing_enable()
    model.train()
    batch, mask = in_batch(waveforms)
    labels = torch.tensor([[183, 5, 6, 2], [184, 7, 8, 2]])
    model(input_values=batch, attention_mask=mask, labels=labels).loss.backward()
    used = any(
        getattr(module, "gradient_checkpointing", False)
        for module in model.modules()
        if module.training
    )
    assert used == checkpointing
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", NAMES)
def test_checkpointing_gives_every_used_parameter_the_same_gradient(carrying, waveforms, name):
    folder = carrying(name).folder
    expected = gradients(folder, waveforms, checkpointing=False)
    actual = gradients(folder, waveforms, checkpointing=True)
    assert [n for n, grad in expected.items() if grad is None] == ["encoder.masked_spec_embed"]
    assert all(grad is None or grad.abs().sum() > 0 for grad in expected.values())
    for parameter, grad in expected.items():
        if grad is not None:
            torch.testing.assert_close(actual[parameter], grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_a_tuple_holds_what_the_named_output_does(model_of, waveforms, name):
    inputs = {"input_values": waveforms[1][None], "decoder_input_ids": torch.tensor([[2, 183]])}
    named = model_of(name)(**inputs)
    assert model_of(name)(**inputs, return_dict=False)[0].equal(named.logits)
    states = model_of(name).encoder(waveforms[1][None], return_dict=False)
    assert states[0].equal(named.encoder_last_hidden_state)


# The length adapter


def adapter(**settings):
    config = EncoderSettings(hidden_size=WIDTH, output_hidden_size=WIDTH, **settings)
    torch.manual_seed(0)
    return LengthAdapter(config).double().eval()


def shapes(longest_kernel=8):
    return {
        "kernel": st.integers(1, longest_kernel),
        "stride": st.integers(1, 4),
        "layers": st.integers(1, 3),
        "frames": st.integers(1, 40),
    }


@given(**shapes())
@settings(max_examples=100)
def test_output_lengths_are_the_frames_that_come_out(kernel, stride, layers, frames):
    made = adapter(adapter_kernel_size=kernel, adapter_stride=stride, num_adapter_layers=layers)
    states = torch.randn(1, frames, WIDTH, dtype=torch.float64)
    assert made.output_lengths(torch.tensor([frames])).tolist() == [made(states).shape[1]]


@given(**shapes(), others=st.lists(st.integers(1, 40), min_size=1, max_size=3))
@settings(max_examples=50)
def test_alone_every_row_is_what_the_clip_is_by_itself(kernel, stride, layers, frames, others):
    made = adapter(
        adapter_kernel_size=kernel,
        adapter_stride=stride,
        num_adapter_layers=layers,
        adapter_padding="alone",
        adapter_feed_forward=True,
        adapter_layer_norm="layers",
    )
    lengths = torch.tensor([frames, *others])
    states = torch.randn(len(lengths), int(lengths.max()), WIDTH, dtype=torch.float64)
    together = made(states, lengths)
    for i, (length, after) in enumerate(
        zip(lengths.tolist(), made.output_lengths(lengths).tolist(), strict=True)
    ):
        alone = made(states[i : i + 1, :length])
        assert alone.shape[1] == after
        torch.testing.assert_close(together[i, :after], alone[0], rtol=0, atol=1e-12)


RENAMED = {
    "layernorm": "layer_norm",
    "proj.0": "half_step_in.feed_forward.0",
    "proj.2": "half_step_in.feed_forward.2",
    "proj_ln": "half_step_in.layer_norm",
    "post_proj.0": "half_step_out.feed_forward.0",
    "post_proj.2": "half_step_out.feed_forward.2",
    "post_proj_ln": "half_step_out.layer_norm",
}


def in_our_names(state):
    names = {}
    for name in state:
        part, _, kind = name.rpartition(".")
        if part.startswith("layers."):
            names[name] = f"{part}.conv.{kind}"
        elif part.startswith("layernorms."):
            names[name] = f"layers.{part.removeprefix('layernorms.')}.layer_norm.{kind}"
        else:
            names[name] = f"{RENAMED[part]}.{kind}"
    return {names[name]: tensor for name, tensor in state.items()}


def both(theirs, frames, states):
    """fairseq's adaptor and ours with the same weights, on states of shape (B, T, D)."""
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) / 4)
    padding = None if frames is None else torch.arange(states.shape[1]) >= frames[:, None]
    expected, mask = theirs.double().eval()(states.transpose(0, 1), padding)
    return expected.transpose(0, 1), mask


@given(
    **shapes(),
    out=st.sampled_from([WIDTH, 6]),
    layernorm=st.booleans(),
    proj=st.booleans(),
    padding=st.sampled_from([None, "masked", "unmasked"]),
)
@settings(max_examples=60)
def test_the_adapter_does_what_fairseqs_adaptor_does(
    kernel, stride, layers, frames, out, layernorm, proj, padding
):
    """Padded batches with odd kernels alone: fairseq's mask does not fit even ones."""
    kernel += padding is not None and kernel % 2 == 0
    theirs = Conv1dAdaptor(WIDTH, out, layers, kernel, stride, layernorm=layernorm, proj=proj)
    choose_padding(theirs, padding == "masked")
    config = EncoderSettings(
        hidden_size=WIDTH,
        output_hidden_size=out,
        adapter_kernel_size=kernel,
        adapter_stride=stride,
        num_adapter_layers=layers,
        adapter_feed_forward=proj,
        adapter_layer_norm="input" if layernorm else None,
        adapter_padding=padding or "masked",
    )
    states = torch.randn(2, frames, WIDTH, dtype=torch.float64)
    lengths = None if padding is None else torch.tensor([frames, (frames + 1) // 2])
    expected, mask = both(theirs, lengths, states)
    ours = LengthAdapter(config).double().eval()
    ours.load_state_dict(in_our_names(theirs.state_dict()))
    torch.testing.assert_close(ours(states, lengths), expected, rtol=0, atol=1e-12)
    if mask is not None:
        assert ours.output_lengths(lengths).tolist() == (~mask).sum(1).tolist()


@given(**shapes(), out=st.sampled_from([WIDTH, 6]), layernorms=st.booleans())
@settings(max_examples=30)
def test_the_adapter_does_what_the_adaptor_of_july_2021_did(
    kernel, stride, layers, frames, out, layernorms
):
    theirs = NormedAdaptor(WIDTH, out, layers, kernel, stride, layernorms)
    config = EncoderSettings(
        hidden_size=WIDTH,
        output_hidden_size=out,
        adapter_kernel_size=kernel,
        adapter_stride=stride,
        num_adapter_layers=layers,
        adapter_layer_norm="layers" if layernorms else None,
        adapter_padding="unmasked",
    )
    states = torch.randn(2, frames, WIDTH, dtype=torch.float64)
    lengths = torch.tensor([frames, (frames + 1) // 2])
    expected, _ = both(theirs, lengths, states)
    ours = LengthAdapter(config).double().eval()
    ours.load_state_dict(in_our_names(theirs.state_dict()))
    torch.testing.assert_close(ours(states, lengths), expected, rtol=0, atol=1e-12)


def test_masked_frames_reach_nothing():
    made = adapter(num_adapter_layers=2, adapter_feed_forward=True, adapter_padding="masked")
    states = torch.randn(2, 20, WIDTH, dtype=torch.float64)
    lengths = torch.tensor([20, 7])
    other = states.clone()
    other[1, 7:] = 100.0
    assert made(states, lengths).equal(made(other, lengths))
    assert (made(states, lengths)[1, int(made.output_lengths(lengths)[1]) :] == 0).all()


def test_unmasked_frames_reach_the_end_of_a_clip():
    made = adapter(num_adapter_layers=2, adapter_padding="unmasked")
    states = torch.randn(2, 20, WIDTH, dtype=torch.float64)
    lengths = torch.tensor([20, 7])
    other = states.clone()
    other[1, 7:] = 100.0
    end = int(made.output_lengths(lengths)[1]) - 1
    assert not made(states, lengths)[1, end].equal(made(other, lengths)[1, end])
    assert made(states, lengths).equal(made(states))


# Positions


@given(width=st.integers(4, 65), length=st.integers(1, 40), past=st.integers(0, 50))
@settings(max_examples=50)
def test_computed_positions_are_fairseqs_bit_for_bit(width, length, past):
    theirs = SinusoidalPositionalEmbedding(width, padding_idx=1, init_size=200)
    tokens = torch.full((1, past + length), 5)
    ours = SinusoidalPositions(30, width)(
        tokens[:, past:], past, position_ids=torch.arange(past, past + length)
    )
    assert ours.equal(theirs(tokens)[:, past:])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_computed_positions_have_the_models_precision(dtype):
    positions = torch.arange(9)
    exact = SinusoidalPositions(9, 16)
    rounded = SinusoidalPositions(9, 16).to(dtype)
    tokens = torch.zeros(1, 9, dtype=torch.long)
    table = rounded(tokens, 0, position_ids=positions)
    assert table.dtype is dtype
    assert table.equal(exact(tokens, 0, position_ids=positions).to(dtype))


def test_no_positions_add_nothing_in_any_precision():
    zero = NoPositions()(torch.zeros(2, 3, dtype=torch.long), 0, position_ids=torch.arange(3))
    for dtype in (torch.float16, torch.float32, torch.float64):
        embedded = torch.randn(2, 3, 4).to(dtype)
        assert (embedded + zero).equal(embedded)
        assert (embedded + zero).dtype is dtype


@given(kernel=st.integers(3, 9), depth=st.integers(2, 4), frames=st.integers(1, 20))
@settings(max_examples=20)
def test_stacked_positional_convolutions_keep_the_number_of_frames(kernel, depth, frames):
    config = EncoderSettings(
        hidden_size=8,
        num_conv_pos_embeddings=kernel,
        num_conv_pos_embedding_groups=2,
        pos_conv_depth=depth,
    )
    made = StackedPositionalConvolution(config)
    states = torch.randn(2, frames, 8)
    assert made(states).shape == states.shape
    assert len(made.layers) == depth
