"""wav2vec 2.0 with a transformer decoder that writes letters, one after the other.

Source: `fairseq/models/wav2vec/wav2vec2_asr.py`, `Wav2Vec2Seq2SeqModel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from toolkit.blocks.arguments import model_name, read_arguments
from toolkit.blocks.evidence import Derived
from toolkit.blocks.place import Place
from toolkit.blocks.transformer_decoder import Habits
from toolkit.blocks.tree import values_under
from toolkit.bundled import SEQ2SEQ
from toolkit.checkpoint import Checkpoint
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import CarriedPair, carried_files, carried_preprocessor
from toolkit.families.elsewhere import ALONE
from toolkit.families.encoder_decoder import (
    ENCODER,
    Anatomy,
    EncoderDecoderModel,
    config_of,
    network_of,
    padding_of,
)
from toolkit.families.fine_tuned import normalization, outer_settings
from toolkit.families.hearing import Hearing
from toolkit.families.letters import find_letters, reference_files, refuse_options
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size
from toolkit.families.speech_to_text import generation_config, read_search
from toolkit.families.waveforms import PROCESSOR
from toolkit.folder.contents import FolderContents
from toolkit.tasks import speech_seq2seq

PRETRAINED = ("wav2vec2", "data2vec_audio", None)
"""What fairseq calls the encoder; None where its arguments name none."""
OWNER = "a model that writes letters"
"""What errors call it."""
ANATOMY = Anatomy(
    encoder=Place(source="encoder.w2v_model.", target="encoder.", part=ENCODER),
    projection="encoder.proj",
    # The encoder calls its `extract_features`.
    bypassed=("encoder.w2v_model",),
    carried=CarriedPair(
        model_type="fairseq_seq2seq", file=SEQ2SEQ, config_class="FairseqSeq2SeqConfig"
    ),
    habits=Habits(
        output="embed_out",
        states="encoder_out.encoder_out",
        activation="relu",
        heads=4,
        positions=2048,
        dropout=0.0,
        tables_positions=True,
    ),
    around_first=True,
)


@dataclass(frozen=True)
class Wav2Vec2Seq2Seq(Hearing):
    """The family's answers; see `toolkit.families.base.Family`."""

    hears_at = ANATOMY.encoder
    name: str = "wav2vec2_seq2seq"
    architectures: tuple[str | None, ...] = (None, "wav2vec_seq2seq")

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such an encoder and decoder, and named so."""
        named = model_name(read_arguments(checkpoint).model)
        return ANATOMY.is_of(checkpoint) and named in self.architectures

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        model = _model(checkpoint, options)
        generation = f"{model.encoder.extractor_norm} norm"
        network = network_of(model, name=self.name, generation=generation)
        return replace(network, refusals=(*network.refusals, *_refused_encoder(model)))

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The dictionary of letters."""
        return find_letters(checkpoint, named, OWNER)

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        rows = network.config["decoder.vocab_size"].value
        check_dictionary_size(sidecars, rows, "decoder.embed_tokens.weight")
        refuse_options(options, OWNER)
        model = _model(checkpoint, options)
        search = read_search(model.arguments)
        positions = int(network.config["decoder.max_position_embeddings"].value)
        normalize, contradictions = normalization(model)
        return Task(
            kind=speech_seq2seq.SPELLED,
            contents=FolderContents(
                config=config_of(network, model),
                generation=generation_config(positions, search, {}, None),
                preprocessor=carried_preprocessor(normalize, carries_code=network.carries_code),
                processor=PROCESSOR,
                dictionary=sidecars.dictionary,
                is_spelled=True,
                max_positions=positions,
                code=carried_files(ANATOMY.carried if network.carries_code else None),
                misfits=network.misfits,
            ),
            padding=padding_of(model, network),
            search=search,
            default_lang=None,
            reference_settings=_reference_settings(model, network, normalize),
            reference_files=reference_files(sidecars.dictionary),
            assumptions=(*network.assumptions, *contradictions),
            preprocessor={"do_normalize": normalize},
        )


FAMILY = Wav2Vec2Seq2Seq()


def _refused_encoder(model: EncoderDecoderModel) -> Iterator[Reason]:
    """An encoder that fairseq itself does not run in such a model."""
    named = model_name(model.arguments.w2v_model)
    if named not in PRETRAINED:
        because = (
            f"the encoder is `{named}`, which fairseq itself does not run beside this decoder. "
            f"{ALONE}"
        )
        yield Reason(name=f"{model.arguments.w2v_model_where}._name", because=because)


def _model(checkpoint: Checkpoint, options: Options) -> EncoderDecoderModel:
    arguments = read_arguments(checkpoint, options.w2v)
    return EncoderDecoderModel(
        anatomy=ANATOMY, checkpoint=checkpoint, arguments=arguments, options=options
    )


def _reference_settings(
    model: EncoderDecoderModel, network: Network, normalize: Derived
) -> JsonDict:
    """Arguments that fairseq builds the task and the model from."""
    settings = outer_settings(model.arguments, normalize)
    w2v_args = model.arguments.w2v or model.encoder.reference_arguments(
        values_under(network.config, ENCODER), normalize=bool(settings["normalize"])
    )
    return {**settings, "w2v_args": w2v_args}
