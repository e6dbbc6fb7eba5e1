"""CodeHiFiGAN: the vocoder that makes a waveform of units of speech.

Becomes a `SeamlessM4TCodeHifiGan`. Source: `fairseq/models/text_to_speech/vocoder.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.blocks import code_hifigan
from toolkit.blocks.code_hifigan import LAYOUTS, CodeHifiGanBlock
from toolkit.blocks.evidence import Facts
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options, Task, Told
from toolkit.families.fine_tuned import refuse_pretrained
from toolkit.families.sidecars import Named, Sidecars
from toolkit.families.vocoders import CONFIG, read_vocoder_config, vocoder_config
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Table
from toolkit.oracle.search import Search
from toolkit.tasks import vocoder


@dataclass(frozen=True)
class CodeHifiGan(Told):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "code_hifigan"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such a vocoder."""
        return CodeHifiGanBlock(facts=Facts(checkpoint.tensors)).is_present

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the file beside them second."""
        refuse_pretrained(options, "a vocoder")
        block = _block(checkpoint)
        return Network(
            generation="with durations" if block.predicts else "a frame a unit",
            config=options.settle(block.config()),
            table=Table(name=self.name, rows=block.rows()),
            layouts=LAYOUTS,
            head_widths={},
            bypassed=(),
            whole="hifi_gan",
            frames_of="hifi_gan.conv_pre",
            unpaired=tuple(_without_values(block)),
            refusals=tuple(block.refusals()),
            shortcomings=(),
            carries_code=False,
            breakable=code_hifigan.BREAKABLE,
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The vocoder's configuration, which stands beside the checkpoint.

        Raises:
            BadInput: a file of another kind is named.
        """
        because = f"a vocoder reads the `{CONFIG}` beside it alone"
        named.refuse("config_yaml", "dictionary", "pieces", because=because)
        return Sidecars(own_config=vocoder_config(checkpoint.path))

    def task(
        self,
        checkpoint: Checkpoint,
        sidecars: Sidecars,  # noqa: ARG002
        network: Network,
        options: Options,  # noqa: ARG002
    ) -> Task:
        """What the folder and fairseq need beside the weights."""
        block = _block(checkpoint)
        return Task(
            kind=vocoder.TASK,
            contents=FolderContents(config=_config_of(network, checkpoint), preprocessor={}),
            padding=PaddingProbes(reference="alone"),
            search=Search(beam=1),
            default_lang=None,
            reference_settings=_reference_settings(block, network),
            reference_files={},
            assumptions=network.assumptions,
        )

    def shortest_input(self, network: Network) -> int:  # noqa: ARG002
        """One unit."""
        return 1

    def frames(self, network: Network, samples: int) -> int:  # noqa: ARG002
        """A unit lasts a frame at least."""
        return samples


FAMILY = CodeHifiGan()


def _block(checkpoint: Checkpoint) -> CodeHifiGanBlock:
    said = read_vocoder_config(checkpoint.path)
    return CodeHifiGanBlock(facts=Facts(checkpoint.tensors), said=said)


def _without_values(block: CodeHifiGanBlock) -> tuple[str, ...]:
    """Target tensors that fairseq has nothing for."""
    lasting = () if block.predicts else tuple(str(row.target) for row in code_hifigan.LENGTHLESS)
    spoken = () if block.has_speakers else ("speaker_embedding.weight",)
    return ("language_embedding.weight", *spoken, *lasting)


def _config_of(network: Network, checkpoint: Checkpoint) -> JsonDict:
    """What `config.json` says."""
    return {
        "model_type": "seamless_m4t",
        "architectures": ["SeamlessM4TCodeHifiGan"],
        "dtype": checkpoint.tensors[code_hifigan.UNITS].dtype,
        **{key: derived.value for key, derived in network.config.items()},
    }


def _reference_settings(block: CodeHifiGanBlock, network: Network) -> JsonDict:
    """What fairseq builds the vocoder of; what tensors tell counts more."""
    config = {key: derived.value for key, derived in network.config.items()}
    return {
        **block.said,
        "num_embeddings": config["unit_hifi_gan_vocab_size"],
        "embedding_dim": config["unit_embed_dim"],
        "model_in_dim": block.width * (1 + block.has_speakers),
        "upsample_initial_channel": config["upsample_initial_channel"],
        "upsample_rates": config["upsample_rates"],
        "upsample_kernel_sizes": config["upsample_kernel_sizes"],
        "resblock_kernel_sizes": config["resblock_kernel_sizes"],
        "resblock_dilation_sizes": config["resblock_dilation_sizes"],
        "multispkr": block.has_speakers,
        "num_speakers": config["vocoder_num_spkrs"],
        "dur_predictor_params": _predictor(network, block),
    }


def _predictor(network: Network, block: CodeHifiGanBlock) -> JsonDict | None:
    if not block.predicts:
        return None
    return {
        "encoder_embed_dim": block.width,
        "var_pred_hidden_dim": block.width,
        "var_pred_kernel_size": network.config["variance_predictor_kernel_size"].value,
        "var_pred_dropout": network.config["var_pred_dropout"].value,
    }
