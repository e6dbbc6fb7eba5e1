"""HiFi-GAN: the vocoder that makes a waveform of a log-mel spectrogram.

Becomes a `SpeechT5HifiGan` that normalizes nothing. Source: `HiFiGANVocoder` of
`fairseq/models/text_to_speech/vocoder.py`; Kong et al. 2020 (arXiv:2010.05646).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from toolkit.blocks import hifigan
from toolkit.blocks.code_hifigan import UNITS
from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.blocks.hifigan import FIRST, RATES, SAID, HifiGanBlock
from toolkit.bundled import LOG_MEL
from toolkit.checkpoint import Checkpoint
from toolkit.compare.probes import PaddingProbes
from toolkit.core.breakable import Breakable, Part, Side, joined
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.core.slips import Right, Value, gained, plus, slip
from toolkit.families.base import Network, Options, Task, Told
from toolkit.families.fine_tuned import refuse_pretrained
from toolkit.families.log_mels import MAX_FRAME, MAX_RATE_HZ, LogMels, read_log_mels
from toolkit.families.sidecars import Named, Sidecars, find_configuration
from toolkit.families.vocoders import read_vocoder_config, vocoder_config
from toolkit.families.waveforms import RATE_HZ
from toolkit.folder.contents import FolderContents
from toolkit.mapping import Fill, Ones, Row, Table, Zeros
from toolkit.oracle.search import Search
from toolkit.tasks import mel_vocoder

DEFAULT_RATE_HZ = 22050
"""Of fairseq's script that makes spectrograms."""
MEAN, SCALE = "mean", "scale"
"""What the class normalizes by, where it does."""
PLAIN = "fairseq gives its vocoder spectrograms that are not normalized"


def _slower(right: Right) -> tuple[Value, ...]:
    """The last layer makes more of a frame."""
    return ([*right.value[:-1], right.value[-1] + 1],)


# fmt: off
NORMS: tuple[Row, ...] = (
    Fill(MEAN,  Zeros(), f"{PLAIN}, and nothing reads it"),
    Fill(SCALE, Ones(),  f"{PLAIN}, and nothing reads it"),
)
BREAKABLE = joined(
    (
        hifigan.BREAKABLE,
        Breakable(
            # Ones scale nothing either: both change only where they hold something else.
            parts=(Part(name="normalization", is_bare=True, is_zero=True),),
            # There are no heads: a width is as good as any number that nothing reads.
            sides=(Side(width="upsample_initial_channel", heads="model_in_dim"),),
            slips=(
                slip("normalize_before", "normalization_changed", gained, absent=True),
                slip("sampling_rate",    "sampling_rate_changed", plus(1000)),
                slip(RATES,              "rates_changed",         _slower),
            ),
        ),
    )
)
# fmt: on


@dataclass(frozen=True)
class HifiGan(Told):
    """The family's answers; see `toolkit.families.base.Family`."""

    name: str = "hifigan"

    def matches(self, checkpoint: Checkpoint) -> bool:
        """Whether the tensors are those of such a vocoder, and not of one of units."""
        facts = Facts(checkpoint.tensors)
        return HifiGanBlock(facts=facts).is_present and not facts.has(UNITS)

    def network(self, checkpoint: Checkpoint, options: Options) -> Network:
        """What the network is, read off the tensors first and the file beside them second."""
        refuse_pretrained(options, "a vocoder")
        block = _block(checkpoint)
        return Network(
            generation="HiFi-GAN",
            config=options.settle(_config(block)),
            table=Table(name=self.name, rows=(*hifigan.ROWS, *NORMS)),
            layouts=hifigan.LAYOUTS,
            head_widths={},
            bypassed=(),
            whole="conv_post",
            frames_of="conv_pre",
            unpaired=(MEAN, SCALE),
            refusals=tuple(block.refusals()),
            shortcomings=(),
            carries_code=False,
            breakable=BREAKABLE,
        )

    def sidecars(self, checkpoint: Checkpoint, named: Named) -> Sidecars:
        """The vocoder's configuration, and that of the model that predicts spectrograms, if any.

        Raises:
            BadInput: it cannot be read, or a file of words is named.
        """
        named.refuse("dictionary", "pieces", because="a vocoder has no words")
        own, beside = vocoder_config(checkpoint.path), checkpoint.path.parent / "config.yaml"
        if named.config_yaml is None and not beside.is_file():
            return Sidecars(own_config=own)
        return replace(find_configuration(checkpoint.path, named.config_yaml), own_config=own)

    def task(
        self,
        checkpoint: Checkpoint,
        sidecars: Sidecars,
        network: Network,
        options: Options,  # noqa: ARG002
    ) -> Task:
        """What the folder and fairseq need beside the weights."""
        mels = _mels(network, sidecars, _block(checkpoint))
        return Task(
            kind=mel_vocoder.TASK,
            contents=FolderContents(
                config=_config_of(network, checkpoint),
                preprocessor=mels.preprocessor,
                code={LOG_MEL.name: LOG_MEL},
            ),
            padding=PaddingProbes(reference="alone"),
            search=Search(beam=1),
            default_lang=None,
            reference_settings=_reference_settings(network, mels, _block(checkpoint)),
            reference_files={},
            assumptions=network.assumptions,
        )

    def shortest_input(self, network: Network) -> int:
        """Samples of half the longest frame that converts: so much is mirrored at the ends."""
        return 1 + math.ceil((MAX_FRAME // 2 + 1) * RATE_HZ / _rate(network))

    def frames(self, network: Network, samples: int) -> int:
        """Frames of the spectrogram of so many samples."""
        return 1 + samples * _rate(network) // RATE_HZ // _hop(network)


FAMILY = HifiGan()


def _block(checkpoint: Checkpoint) -> HifiGanBlock:
    said = read_vocoder_config(checkpoint.path)
    return HifiGanBlock(facts=Facts(checkpoint.tensors), said=said)


def _config(block: HifiGanBlock) -> dict[str, Derived]:
    """The values of the configuration, by key."""
    return {
        "model_in_dim": block.facts.shaped(block.width, FIRST),
        "sampling_rate": argued(block.said, "sampling_rate", SAID, DEFAULT_RATE_HZ),
        **dict(block.config()),
        "normalize_before": hard_coded(value=False, evidence=PLAIN),
    }


def _rate(network: Network) -> int:
    """Samples a second.

    Raises:
        BadInput: the configuration says something else.
    """
    rate = network.config["sampling_rate"].value
    if type(rate) is not int or not 0 < rate <= MAX_RATE_HZ:
        raise BadInput(
            f"`sampling_rate` in the vocoder's `{SAID}` must be samples a second, a whole number up "
            f"to {MAX_RATE_HZ}, but is {rate!r:.40}. Correct it."
        )
    return rate


def _hop(network: Network) -> int:
    """Samples that are made of a frame."""
    return math.prod(network.config[RATES].value)


def _mels(network: Network, sidecars: Sidecars, block: HifiGanBlock) -> LogMels:
    fitting = {"bands": block.width, "hop": _hop(network), "rate_hz": _rate(network)}
    return read_log_mels(sidecars, block.said, **fitting)


def _config_of(network: Network, checkpoint: Checkpoint) -> JsonDict:
    """What `config.json` says."""
    return {
        "model_type": "speecht5_hifigan",
        "architectures": ["SpeechT5HifiGan"],
        "dtype": checkpoint.tensors[FIRST].dtype,
        **{key: derived.value for key, derived in network.config.items()},
    }


def _reference_settings(network: Network, mels: LogMels, block: HifiGanBlock) -> JsonDict:
    """What fairseq builds the vocoder of; what tensors tell counts more."""
    config = {key: derived.value for key, derived in network.config.items()}
    return {**block.said, **config, "features": dict(mels.features)}
