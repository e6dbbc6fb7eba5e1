"""The encoder of one CTC checkpoint, and the class of transformers that it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from toolkit.blocks.evidence import Derived, Facts, hard_coded
from toolkit.blocks.forms import Lack
from toolkit.blocks.tree import ConfigTree
from toolkit.blocks.wav2vec2 import LAST_NORM, NAMES
from toolkit.blocks.wav2vec2.adapters import language_slot
from toolkit.checkpoint.dictionary import BOS, EOS, PAD
from toolkit.checkpoint.sets import name_in
from toolkit.core.coverage import Reason
from toolkit.families.adapters import languages_of
from toolkit.families.carried import Carried
from toolkit.families.encoder_model import beyond_conformers
from toolkit.families.fine_tuned import PREFIXES, SOURCE, WIDENED, FineTunedModel
from toolkit.mapping import Row, Rule

TARGETS = "label_embs_concat"
"""The embeddings of the classes that an encoder was pretrained on."""
HEAD = "lm_head"
"""Where transformers' classes have their linear layer."""
KNOWN = {kind: NAMES[kind] for kind in PREFIXES}
"""How the stock classes are called, by their model type."""


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
    conformer: Carried | None = None
    """What has the conformer layers that no stock class has; None where they are refused."""
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
class CtcModel(FineTunedModel[Ways]):
    """An encoder and its head."""

    @property
    def exact(self) -> Carried | None:
        """What computes the same where stock classes do not, be it in padded batches alone."""
        return self.ways.conformer if self.beyond_stock else self.ways.exact

    @cached_property
    def beyond_stock(self) -> tuple[Lack, ...]:
        """What no stock class has and `exact` has, so that a folder must carry that."""
        carried, arguments = self.ways.conformer, self.arguments
        if carried is None:
            return ()
        own = (arguments.w2v_model, arguments.w2v_model_where)
        return beyond_conformers(carried, SOURCE, self.facts, own, self.options)

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
        yield from self.refused_encoder(self.stock)
        arguments = self.arguments
        if arguments.model.get("blank_weight"):
            because = (
                f"fairseq changes the logit of the blank by it ({arguments.model['blank_weight']}),"
                f" {NAMES[self.stock]}ForCTC does not"
            )
            yield Reason(name="args.blank_weight", because=because)

    @property
    def adapter_row(self) -> int:
        """Which of the adapters in one tensor are those of the language that is spoken first."""
        spoken = self.checkpoint.spoken
        stacked = spoken is not None and not self.checkpoint.symbols
        return self.languages.index(spoken) if stacked and spoken is not None else 0

    def _rows_of_head(self) -> Derived:
        name = f"{self.ways.head}.weight"
        return self.facts.shaped(self.facts.shape(name)[0], name)
