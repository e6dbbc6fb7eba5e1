"""The encoder of one CTC checkpoint, and the class of transformers that it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from toolkit.blocks.arguments import model_name
from toolkit.blocks.evidence import Derived, Facts, hard_coded
from toolkit.blocks.forms import Lack
from toolkit.blocks.place import Place
from toolkit.blocks.tree import ConfigTree
from toolkit.blocks.wav2vec2 import LAST_NORM, NAMES, Wav2Vec2Block
from toolkit.blocks.wav2vec2.adapters import language_slot
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.checkpoint.sets import name_in
from toolkit.core.coverage import Reason
from toolkit.families.adapters import languages_of
from toolkit.families.carried import Carried
from toolkit.families.encoder_model import EncoderModel
from toolkit.mapping import Row, Rule

SOURCE = "w2v_encoder.w2v_model."
"""Where fairseq's models for CTC have their encoder."""
TARGETS = "label_embs_concat"
"""The embeddings of the classes that an encoder was pretrained on."""
PREFIXES = {
    "wav2vec2": "wav2vec2.",
    "wav2vec2-conformer": "wav2vec2_conformer.",
    "hubert": "hubert.",
    "data2vec-audio": "data2vec_audio.",
}
"""Where it stands in the class of each model type."""
HEAD = "lm_head"
"""Where transformers' classes have their linear layer."""
KNOWN = {kind: NAMES[kind] for kind in PREFIXES}
"""How the stock classes are called, by their model type."""
WIDENED = ("wav2vec2", "wav2vec2-conformer", "data2vec-audio")
"""Classes that can have an adapter, whose width they are told."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """What a family of CTC models says of its members."""

    architectures: tuple[str | None, ...]
    """What they call themselves; others have the same tensors and mean something else."""
    pretrained: tuple[str | None, ...]
    """What fairseq calls their encoder, the usual name first; None where its arguments name none."""
    stock: tuple[str, ...]
    """Model types of the stock classes that one may become, those first that are preferred."""
    has_targets: bool = False
    """Whether their encoder was pretrained on classes, whose embeddings it may still hold."""
    exact: Carried | None = None
    """What is exact in padded batches too, where fairseq keeps more frames of a clip in those than
    its samples make; None where stock classes are."""
    head: str = "w2v_encoder.proj"
    """fairseq's path of the linear layer that gives the logits."""

    def are_called(self, name: object, facts: Facts) -> bool:
        """Whether a checkpoint of that name is one; what it still holds tells where it has none."""
        told = name is not None or facts.has(SOURCE + TARGETS) == self.has_targets
        return told and name in self.architectures


@dataclass(frozen=True, kw_only=True)
class CtcModel(EncoderModel):
    """An encoder and its head."""

    ways: Ways

    @property
    def exact(self) -> Carried | None:
        """What is exact in padded batches too, where stock classes are not."""
        return self.ways.exact

    @property
    def known(self) -> Mapping[str, str]:
        """The stock classes that have such a head, by their model type."""
        return KNOWN

    @property
    def head_rows(self) -> tuple[Row, ...]:
        """The rules of the linear layer, and of each language's."""
        rule = Rule(f"{self.ways.head}.{{weight|bias}}", f"{HEAD}.{{weight|bias}}")
        if not self.languages:
            return (rule,)
        prefix = name_in(language_slot(self.languages), "")
        return (rule, rule.under(prefix, prefix))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages that it has adapters for, in their order."""
        return languages_of(self.checkpoint)

    @cached_property
    def encoder(self) -> Wav2Vec2Block:
        """The layers that were pretrained, with what leads to them."""
        return self._encoder_of(self.kind)

    @cached_property
    def stock(self) -> str:
        """The class of a conversion."""
        return self._encoder_of(self.ways.stock[0]).stock_class

    @cached_property
    def config(self) -> ConfigTree:
        """What the checkpoint says of the configuration."""
        supplied = self.options.overrides.get("encoder", {})
        width = self.facts.shaped(self.encoder.width, SOURCE + LAST_NORM)
        return {
            "model_type": hard_coded(self.kind, "the encoder's layers"),
            **self.encoder.config(self.kind, supplied),
            **({"output_hidden_size": width} if self.kind in WIDENED else {}),
            "vocab_size": self._rows_of_head(),
            "pad_token_id": hard_coded(BOS, "the blank of fairseq's CTC is `<s>`"),
            "bos_token_id": hard_coded(PAD, "it changes places with the blank"),
            "eos_token_id": hard_coded(EOS, "fairseq's Dictionary"),
        }

    def refusals(self) -> Iterator[Reason]:
        """Why no exact conversion is possible."""
        yield from self.encoder.refusals()
        yield from map(_as_refusal, self.encoder.lacks(self.stock))
        arguments = self.arguments
        pretrained = model_name(arguments.w2v_model)
        if pretrained not in self.ways.pretrained:
            because = f"the encoder is `{pretrained}`, whose layers are other ones"
            yield Reason(name=f"{arguments.w2v_model_where}._name", because=because)
        if arguments.model.get("blank_weight"):
            because = (
                f"fairseq changes the logit of the blank by it ({arguments.model['blank_weight']}),"
                f" {NAMES[self.stock]}ForCTC does not"
            )
            yield Reason(name="args.blank_weight", because=because)

    def _encoder_of(self, kind: str) -> Wav2Vec2Block:
        return Wav2Vec2Block(
            place=self._place_of(kind),
            checkpoint=self.facts,
            w2v=self.arguments.w2v_model,
            where=self.arguments.w2v_model_where,
            around=self.arguments.model,
            around_first=True,
            stock=self.ways.stock,
            languages=self.languages,
            adapter_row=self._adapter_row,
            carried=None if self.exact is None else self.exact.model_type,
        )

    @property
    def place(self) -> Place:
        """Where the encoder stands in both models."""
        return self._place_of(self.kind)

    def _place_of(self, kind: str) -> Place:
        exact = self.exact
        own = {} if exact is None else {exact.model_type: exact.prefix}
        return Place(source=SOURCE, target={**PREFIXES, **own}[kind])

    @property
    def _adapter_row(self) -> int:
        """Which of the adapters in one tensor are those of the language that is spoken first."""
        spoken = self.checkpoint.spoken
        stacked = spoken is not None and not self.checkpoint.symbols
        return self.languages.index(spoken) if stacked and spoken is not None else 0

    def _rows_of_head(self) -> Derived:
        name = f"{self.ways.head}.weight"
        return self.facts.shaped(self.facts.shape(name)[0], name)


def _as_refusal(lack: Lack) -> Reason:
    return Reason(name=lack.name, because=lack.because)
