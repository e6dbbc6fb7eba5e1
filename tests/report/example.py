"""Makes `reports/example`, a broken conversion with two faults: `make example-report`."""

import json
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import toolkit
from toolkit.core.result import Result
from toolkit.report import write_html

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports" / "example" / "index.html"
CHECKPOINT = ROOT / "golden_audio" / "checkpoint" / "model.pt"
CLIPS = ("de_1.flac", "en_2.flac", "ru_2.flac")
ATTENTION = "encoder.encoder.layers.1.attention"


def make_example(folder: Path) -> Result:
    """Converts, breaks and verifies in `folder`: two weights exchanged, one key wrong."""
    from safetensors.torch import load_file, save_file

    broken = folder / "broken"
    toolkit.convert(CHECKPOINT, broken, verify=False)
    tensors = load_file(broken / "model.safetensors")
    query, key = (f"{ATTENTION}.{name}.weight" for name in ("q_proj", "k_proj"))
    tensors[query], tensors[key] = tensors[key].clone(), tensors[query].clone()
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((broken / "config.json").read_text())
    config["decoder"]["scale_embedding"] = False
    (broken / "config.json").write_text(json.dumps(config))
    clips = [path for name in CLIPS for path in sorted((ROOT / "golden_audio").rglob(name))]
    result = toolkit.verify(CHECKPOINT, broken, audio=clips)
    checkpoint = CHECKPOINT.relative_to(ROOT).as_posix()
    return replace(
        result,
        source=replace(result.source, path=checkpoint),
        target=replace(result.target, path="broken"),
        reproduce=f"toolkit verify {checkpoint} broken",
        next=f"toolkit diff {checkpoint} broken --fix mended",
    )


def main() -> None:
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        result = make_example(Path(scratch))
    EXAMPLE.parent.mkdir(parents=True, exist_ok=True)
    write_html(result, EXAMPLE)
    sys.stdout.write(f"{EXAMPLE} ({EXAMPLE.stat().st_size / 1e6:.2f} MB)\n")


if __name__ == "__main__":
    main()
