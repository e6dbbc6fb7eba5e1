"""XMTransformer: wav2vec 2.0 encoder, convolutional length adaptor, transformer decoder.

Source: `fairseq/models/speech_to_text/xm_transformer.py`; Li et al. 2021 (arXiv:2010.12829).
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.blocks.arguments import Arguments, model_name, read_arguments
from toolkit.blocks.evidence import Derived
from toolkit.blocks.place import Place
from toolkit.blocks.tree import values_under
from toolkit.bundled import MODELLING
from toolkit.checkpoint import Checkpoint
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task
from toolkit.families.carried import CarriedPair, carried_files, carried_preprocessor
from toolkit.families.elsewhere import maybe_stranger
from toolkit.families.encoder_decoder import (
    Anatomy,
    EncoderDecoderModel,
    config_of,
    network_of,
    padding_of,
)
from toolkit.families.hearing import Hearing
from toolkit.families.multitask import multitask_rows
from toolkit.families.sidecars import Named, Sidecars, check_dictionary_size, find_sidecars
from toolkit.families.speech_to_text import (
    default_language,
    generation_config,
    normalization,
    read_search,
    reference_files,
    reference_yaml,
)
from toolkit.families.waveforms import PROCESSOR
from toolkit.folder.contents import FolderContents
from toolkit.tasks import speech_seq2seq
from toolkit.tasks.speech_seq2seq.tokenizer import needs_own_tokenizer

ANATOMY = Anatomy(
    encoder=Place(source="encoder.w2v_encoder.w2v_model.", target="encoder.", part="encoder"),
    projection="encoder.w2v_encoder.proj",
    # The encoder calls `w2v_encoder.forward` itself, and that one `w2v_model.extract_features`.
    bypassed=("encoder.w2v_encoder", "encoder.w2v_encoder.w2v_model"),
    carried=CarriedPair(
        model_type="xm_transformer", file=MODELLING, config_class="XMTransformerConfig"
    ),
)
ENCODER, DECODER = ANATOMY.encoder, ANATOMY.decoder


@dataclass(frozen=True)
class XMTransformer(Hearing):
    """The family's answers; see `toolkit.families.base.Family`."""

    hears_at = ENCODER
    name: str = "xm_transformer"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of a wav2vec 2.0 encoder with a transformer decoder.

        UnitY has them too, for its second pass.
        """
        named = str(model_name(read_arguments(checkpoint).model))
        return ANATOMY.is_of(checkpoint) and maybe_stranger(named, checkpoint.tensors) is None

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the arguments second."""
        model = _model(checkpoint, options)
        return network_of(
            model,
            name=self.name,
            generation=model.adaptor.generation,
            further=multitask_rows(model.facts),
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """`config.yaml`, the dictionary and the sentencepiece model."""
        return find_sidecars(
            checkpoint.path,
            config_yaml=named.config_yaml,
            dict_path=named.dictionary,
            spm_path=named.pieces,
        )

    def task(
        self, checkpoint: Checkpoint, sidecars: Sidecars, network: Network, options: Options
    ) -> Task:
        """What the folder and fairseq's task need beside the weights."""
        model = _model(checkpoint, options)
        arguments = model.arguments
        rows = network.config["decoder.vocab_size"].value
        check_dictionary_size(sidecars, rows, "decoder.embed_tokens.weight")
        lang, language_assumed = default_language(sidecars, arguments, options)
        search = read_search(arguments)
        normalize, assumptions = normalization(arguments, sidecars, network, options)
        positions = int(network.config["decoder.max_position_embeddings"].value)
        own_tokenizer = needs_own_tokenizer(sidecars.spm_path, sidecars.dictionary)
        contents = FolderContents(
            config=config_of(network, model),
            generation=generation_config(positions, search, sidecars.languages, lang),
            preprocessor=carried_preprocessor(normalize, carries_code=network.carries_code),
            processor=PROCESSOR,
            dictionary=sidecars.dictionary,
            pieces_path=sidecars.spm_path,
            language_tags=sidecars.languages,
            prefix_tag=None if lang is None else sidecars.tag_of(lang),
            max_positions=positions,
            code=carried_files(
                ANATOMY.carried if network.carries_code else None, tokenizer=own_tokenizer
            ),
            misfits=network.misfits,
        )
        return Task(
            kind=speech_seq2seq.TASK,
            contents=contents,
            padding=padding_of(model, network),
            search=search,
            default_lang=lang,
            reference_settings=_reference_settings(arguments, model, network, normalize),
            reference_files=reference_files(sidecars, reference_yaml(sidecars, normalize)),
            assumptions=(*network.assumptions, *assumptions, *language_assumed),
            preprocessor={"do_normalize": normalize},
        )


FAMILY = XMTransformer()


def _model(checkpoint: Checkpoint, options: Options) -> EncoderDecoderModel:
    arguments = read_arguments(checkpoint, options.w2v)
    return EncoderDecoderModel(
        anatomy=ANATOMY, checkpoint=checkpoint, arguments=arguments, options=options
    )


def _reference_settings(
    arguments: Arguments, model: EncoderDecoderModel, network: Network, normalize: Derived
) -> JsonDict:
    """Arguments that fairseq builds the task and the model from."""
    # fairseq asserts that the model's arguments and the pretrained encoder's agree on this.
    normalized = arguments.w2v_task.get("normalize", bool(normalize.value))
    settings = {"normalize": normalized, **arguments.task, **arguments.model}
    w2v_args = arguments.w2v or model.encoder.reference_arguments(
        values_under(network.config, ENCODER.part), normalize=bool(settings["normalize"])
    )
    return {**settings, "w2v_args": w2v_args}
