"""Speech to speech: a model of units and its vocoder, as the documentation chains them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import soundfile
import torch

from toolkit import convert
from toolkit.audio import golden_folder, read_clips
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.speech_seq2seq.filter_banks import FilterBankReference
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.reference import open_reference

PAGE = Path(__file__).parents[3] / "docs" / "speech-translation.md"
S2UT = golden_folder() / "s2ut" / "model.pt"
VOCODER = golden_folder() / "untrained" / "code_hifigan" / "model.pt"
CLIP = golden_folder() / "de_1.flac"


def script() -> str:
    """The one of the page that chains both."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if "SeamlessM4TCodeHifiGan" in block)
    return found


def spoken_by_fairseq() -> torch.Tensor:
    """What fairseq's search and fairseq's vocoder make of the clip, as its task chains them."""
    from fairseq.models.text_to_speech.vocoder import CodeHiFiGANVocoder

    (clip,) = read_clips([CLIP])
    with open_reference(prepare(Inputs(checkpoint=S2UT))) as reference:
        assert isinstance(reference, FilterBankReference)
        banks = reference.front_end(torch.from_numpy(clip.waveform))
        net_input = {"src_tokens": banks[None], "src_lengths": torch.tensor([len(banks)])}
        task, model = reference.task, reference.model
        generator = task.build_generator([model], Namespace(beam=5))
        ((best, *_),) = task.inference_step(generator, [model], {"net_input": net_input})
    with quiet_fairseq():
        vocoder = CodeHiFiGANVocoder(
            str(VOCODER), json.loads((VOCODER.parent / "config.json").read_text())
        )
    # As `SpeechToSpeechTask` does; what is less than 0, the end, it leaves out.
    given = {"code": best["tokens"][None] - 4, "spkr": torch.tensor([[0]])}
    return vocoder(given, dur_prediction=True)


def test_the_documented_script_speaks_as_fairseq_s_own_chain(tmp_path: Path) -> None:
    convert(S2UT, tmp_path / "speaker", verify=False)
    convert(VOCODER, tmp_path / "vocoder", verify=False)
    (tmp_path / "golden_audio").symlink_to(golden_folder())
    (tmp_path / "speak.py").write_text(script(), encoding="utf-8")
    variables = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "speak.py"], cwd=tmp_path, check=True, env=variables)
    spoken, rate = soundfile.read(tmp_path / "spoken.wav", dtype="float32")
    expected = spoken_by_fairseq()
    assert rate == 16_000
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(torch.from_numpy(spoken), expected, rtol=0, atol=1e-6)
