"""fairseq's CodeHiFiGAN, which makes a waveform of speech units: rules, layouts, configuration.

Source: `fairseq/models/text_to_speech/codehifigan.py` and `hifigan.py`; Polyak et al. 2021
(arXiv:2104.00355).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from toolkit.blocks import hifigan
from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.blocks.hifigan import FIRST, SAID, HifiGanBlock
from toolkit.blocks.place import Place
from toolkit.core.breakable import Breakable, Part, Side, joined
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject
from toolkit.mapping import Row, Rule
from toolkit.mapping.ops import Zeros
from toolkit.mapping.rules import Fill
from toolkit.replay.pairs import Layout

UNITS, SPEAKERS, F0 = "dict.weight", "spkr.weight", "f0_quant_embed.weight"
DURATIONS = "dur_predictor.conv1.0.weight"
GENERATOR = Place(target="hifi_gan.")
"""Where the class has what makes the waveform."""

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("dict.weight",                                "unit_embedding.weight"),
    *GENERATOR.rows(hifigan.ROWS),
    Fill("language_embedding.weight", Zeros(), "fairseq's vocoder knows no languages, and an embedding of width 0 has no values"),
)
DURATION: tuple[Row, ...] = (
    Rule("dur_predictor.{conv1|conv2}.0.{weight|bias}", "dur_predictor.{conv1|conv2}.{weight|bias}"),
    Rule("dur_predictor.{ln1|ln2|proj}.{weight|bias}", "dur_predictor.{ln1|ln2|proj}.{weight|bias}"),
)
LENGTHLESS = tuple(
    Fill(f"dur_predictor.{module}.{kind}", Zeros(), "fairseq's vocoder makes one frame of each unit, as zeros do")
    for module in ("conv1", "conv2", "ln1", "ln2", "proj") for kind in ("weight", "bias")
)
SPOKEN: tuple[Row, ...] = (Rule(SPEAKERS, "speaker_embedding.weight"),)
SPEAKERLESS: tuple[Row, ...] = (
    Fill("speaker_embedding.weight", Zeros(), "fairseq's vocoder has one voice, and an embedding of width 0 has no values"),
)
LAYOUTS = (
    Layout("{unit_embedding|speaker_embedding}", "B S -> B S D", "B S -> B S D"),
    Layout("dur_predictor",                      "B S D -> B S", "B S D -> B S"),
    Layout("dur_predictor.{conv1|conv2}",        "B D S",        "B D S"),
    Layout("dur_predictor.{ln1|ln2|proj}",       "B S D",        "B S D"),
    Layout("hifi_gan",                           "B D T -> B 1 L", "B D T -> B L"),
    *GENERATOR.layouts(hifigan.LAYOUTS),
)
BREAKABLE = joined(
    (
        Breakable(
            parts=(
                Part(name="embeddings",          modules=r"(unit|speaker|language)_embedding"),
                Part(name="duration predictor",  modules=r"dur_predictor\.\w+"),
            ),
            # There are no heads: one is as many as nothing can be made of.
            sides=(Side(width="unit_embed_dim", heads="vocoder_num_langs"),),
        ),
        GENERATOR.breakable(hifigan.BREAKABLE),
    )
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class CodeHifiGanBlock:
    """What a family asks of the vocoder."""

    facts: Facts
    said: JsonObject = field(default_factory=dict)
    """What the configuration beside the checkpoint says."""

    @property
    def is_present(self) -> bool:
        """Whether its tensors are there, with their weight norms or without."""
        return self.facts.has(UNITS) and self.generator.is_present

    @property
    def generator(self) -> HifiGanBlock:
        """What makes the waveform."""
        return HifiGanBlock(facts=self.facts, said=self.said)

    @property
    def width(self) -> int:
        """Of a unit's embedding."""
        return self.facts.shape(UNITS)[1]

    @property
    def has_speakers(self) -> bool:
        """Whether it has a voice for each of several speakers."""
        return self.facts.has(SPEAKERS)

    @property
    def predicts(self) -> bool:
        """Whether it says how long each unit lasts."""
        return self.facts.has(DURATIONS)

    def rows(self) -> tuple[Row, ...]:
        """The rules that apply."""
        lasting = DURATION if self.predicts else LENGTHLESS
        return (*ROWS, *lasting, *(SPOKEN if self.has_speakers else SPEAKERLESS))

    def config(self) -> dict[str, Derived]:
        """The values of the configuration, by key."""
        rate = argued(self.said, "sampling_rate", SAID, 16000)
        of_waveforms = dict(self.generator.config())
        return {**dict(self._of_units()), **of_waveforms, "sampling_rate": rate}

    def refusals(self) -> Iterator[Reason]:
        """What the vocoder has and the class of transformers has not."""
        if self.said.get("f0") or self.facts.has(F0):
            yield Reason(
                name=f"{SAID} f0",
                because="it is given a pitch beside units, and SeamlessM4TCodeHifiGan is given units",
            )
        if self.said.get("embedder_params"):
            yield Reason(
                name=f"{SAID} embedder_params",
                because="its speakers are vectors that another model makes of speech, and "
                "SeamlessM4TCodeHifiGan knows them by number",
            )
        yield from self.generator.refusals()
        taken, given = self.generator.width, self.width * (1 + self.has_speakers)
        if taken != given and not self.said.get("f0"):
            yield Reason(
                name=FIRST,
                because=f"it takes {taken} numbers a frame, and units with their speakers have {given}",
            )
        yield from self._refused_durations()

    def _refused_durations(self) -> Iterator[Reason]:
        if not self.predicts:
            return
        hidden, _, kernel = self.facts.shape(DURATIONS)
        if hidden != self.width:
            yield Reason(
                name=DURATIONS,
                because=f"its predictor of durations has width {hidden}, and that of "
                f"SeamlessM4TCodeHifiGan the {self.width} of its units",
            )
        if kernel != 3:
            yield Reason(
                name=DURATIONS,
                because=f"its predictor of durations has a kernel of {kernel}, for which its second "
                "convolution gives another number of units than it takes",
            )

    def _of_units(self) -> Iterator[tuple[str, Derived]]:
        facts, told = self.facts, self.said
        count, width = facts.shape(UNITS)
        yield "unit_hifi_gan_vocab_size", facts.shaped(count, UNITS)
        yield "unit_embed_dim", facts.shaped(width, UNITS)
        # A unit that is none: of what counts as padding no unit may be.
        yield "t2u_pad_token_id", hard_coded(count, "no unit of fairseq's pads a sequence")
        yield "lang_embed_dim", hard_coded(0, "fairseq's vocoder knows no languages")
        yield "vocoder_num_langs", hard_coded(1, "fairseq's vocoder knows no languages")
        speakers, spoken = facts.shape(SPEAKERS) if self.has_speakers else (1, 0)
        told_by = facts.shaped if self.has_speakers else _absent
        yield "vocoder_num_spkrs", told_by(speakers, SPEAKERS)
        yield "spkr_embed_dim", told_by(spoken, SPEAKERS)
        kernel = facts.shape(DURATIONS)[2] if self.predicts else 3
        told_by = facts.shaped if self.predicts else _absent
        yield "variance_predictor_kernel_size", told_by(kernel, DURATIONS)
        predictor = told.get("dur_predictor_params")
        params = predictor if isinstance(predictor, dict) else {}
        yield "var_pred_dropout", argued(params, "var_pred_dropout", SAID, 0.5)


def _absent(value: object, name: str) -> Derived:
    return Derived(value=value, evidence=f"there is no {name}")
