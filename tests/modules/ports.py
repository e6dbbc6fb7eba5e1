"""Models of two packages that compute the same, each small and with weights of its own.

Nobody here wrote either side. The weights are random, and carried over by the rules alone.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from toolkit import carry_weights
from toolkit.mapping import Drop, Row, Rule, Split

QKV = ("query", "key", "value")


@dataclass(frozen=True, kw_only=True)
class Port:
    """A model, the port of it, and what a comparison of the two takes."""

    source: nn.Module
    target: nn.Module
    rules: tuple[Row, ...]
    inputs: Any
    target_inputs: Any
    more: Mapping[str, Any] = field(default_factory=dict)

    def asked(self) -> dict[str, Any]:
        """What `compare_modules` is given beside the models."""
        return {
            "rules": self.rules,
            "inputs": self.inputs,
            "target_inputs": self.target_inputs,
            **self.more,
        }


def scramble(model: nn.Module, seed: int = 0) -> None:
    """Gives every parameter values of its own; norms and biases begin as ones and zeros."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator) * 0.3
        parameter.data = noise + parameter.data if parameter.dim() == 1 else noise


def make_torch_encoder() -> Port:
    """torch's own encoder, as one of BERT."""
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertEncoder

    layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", layer_norm_eps=1e-5)
    source = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    config = BertConfig(
        hidden_size=16,
        num_attention_heads=4,
        intermediate_size=32,
        num_hidden_layers=2,
        layer_norm_eps=1e-5,
        attn_implementation="eager",
    )
    inside, outside = "layers.{i}.", "layer.{i}."
    fused = tuple(f"{outside}attention.self.{name}.{{weight|bias}}" for name in QKV)
    x = torch.randn(7, 3, 16, generator=torch.Generator().manual_seed(1))
    padded = torch.arange(7) >= torch.tensor([[7], [4], [5]])
    return carried(
        source,
        BertEncoder(config),
        (
            Rule(f"{inside}self_attn.in_proj_{{weight|bias}}", fused, Split(3)),
            same(f"{inside}self_attn.out_proj", f"{outside}attention.output.dense"),
            same(f"{inside}norm1", f"{outside}attention.output.LayerNorm"),
            same(f"{inside}linear1", f"{outside}intermediate.dense"),
            same(f"{inside}linear2", f"{outside}output.dense"),
            same(f"{inside}norm2", f"{outside}output.LayerNorm"),
        ),
        inputs={"src": x, "src_key_padding_mask": padded},
        target_inputs={
            "hidden_states": x.transpose(0, 1),
            "attention_mask": padded[:, None, None] * torch.finfo(torch.float32).min,
        },
    )


def make_roberta() -> Port:
    """fairseq's RoBERTa, as that of transformers."""
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel, roberta_base_architecture
    from transformers import RobertaConfig, RobertaForMaskedLM

    symbols = Dictionary()
    for number in range(30):
        symbols.add_symbol(f"w{number}")
    args = Namespace(
        encoder_layers=2,
        encoder_embed_dim=16,
        encoder_ffn_embed_dim=32,
        encoder_attention_heads=4,
        max_positions=20,
        tokens_per_sample=20,
    )
    roberta_base_architecture(args)
    task = SimpleNamespace(source_dictionary=symbols, target_dictionary=symbols)
    config = RobertaConfig(
        vocab_size=len(symbols),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=22,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        attn_implementation="eager",
    )
    tokens = torch.randint(4, len(symbols), (3, 9), generator=torch.Generator().manual_seed(1))
    target = RobertaForMaskedLM(config)
    with torch.no_grad():
        target.roberta.embeddings.token_type_embeddings.weight.zero_()
    return carried(
        RobertaModel.build_model(args, task),
        target,
        _roberta_rules(),
        inputs=(tokens,),
        target_inputs={"input_ids": tokens},
        more={
            "leave_out": {
                "roberta.embeddings.token_type_embeddings.weight": "zeros: there is one type only"
            }
        },
    )


def _roberta_rules() -> tuple[Row, ...]:
    inside, outside = "encoder.sentence_encoder.", "roberta.embeddings."
    layer, block = f"{inside}layers.{{i}}.", "roberta.encoder.layer.{i}."
    return (
        Drop(f"{inside}version", "it is a mark of the file's form"),
        Rule(f"{inside}embed_tokens.weight", f"{outside}word_embeddings.weight"),
        Rule(f"{inside}embed_positions.weight", f"{outside}position_embeddings.weight"),
        same(f"{inside}layernorm_embedding", f"{outside}LayerNorm"),
        *(
            same(f"{layer}self_attn.{name[0]}_proj", f"{block}attention.self.{name}")
            for name in QKV
        ),
        same(f"{layer}self_attn.out_proj", f"{block}attention.output.dense"),
        same(f"{layer}self_attn_layer_norm", f"{block}attention.output.LayerNorm"),
        same(f"{layer}fc1", f"{block}intermediate.dense"),
        same(f"{layer}fc2", f"{block}output.dense"),
        same(f"{layer}final_layer_norm", f"{block}output.LayerNorm"),
        same("encoder.lm_head.{dense|layer_norm}", "lm_head.{dense|layer_norm}"),
        Rule("encoder.lm_head.bias", "lm_head.bias"),
    )


def same(source: str, target: str) -> Rule:
    return Rule(f"{source}.{{weight|bias}}", f"{target}.{{weight|bias}}")


def carried(source: nn.Module, target: nn.Module, rules: tuple[Row, ...], **asked: Any) -> Port:
    scramble(source)
    carry_weights(source, target, rules)
    return Port(source=source, target=target, rules=rules, **asked)


PORTS: Mapping[str, Callable[[], Port]] = {
    "torch's encoder": make_torch_encoder,
    "fairseq's RoBERTa": make_roberta,
}
"""Pairs of packages that are always at hand."""
