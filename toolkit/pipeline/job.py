"""Says what a recorder is to record of a checkpoint, and packs it into one file to run."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.audio import Clip
from toolkit.checkpoint.remade import as_loaded
from toolkit.core.errors import BadInput
from toolkit.core.settled import unproven
from toolkit.examples import AUDIO, Sentence
from toolkit.folder.staging import staged_folder
from toolkit.pipeline.basics import environment
from toolkit.pipeline.prepare import Prepared
from toolkit.tasks.speech.run import TRANSFORMERS_EPSILON

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.oracle.job import Batch, Job, JobClip
    from toolkit.oracle.mapped import Place

MAIN = '''"""Records fairseq: python recorder.pyz CHECKPOINT REC_DIR"""
import sys

if sys.version_info < (3, 8):
    sys.stderr.write(
        "error: `%s` must be Python 3.8 or newer, but is %s. Name a newer one.\\n"
        % (sys.executable, sys.version.split()[0])
    )
    sys.exit(2)

from toolkit.oracle.recorder import main

sys.exit(main(sys.argv[1:], sys.argv[0]))
'''
"""Any Python can read this much."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def make_job(prepared: Prepared, clips: Sequence[Clip]) -> Job:
    """Everything that a recorder needs beside fairseq and the checkpoint.

    Args:
        prepared: The checkpoint.
        clips: To be recorded.

    Raises:
        BadInput: the checkpoint's file changed.
    """
    from toolkit.oracle.job import Job

    checkpoint, task = prepared.checkpoint, prepared.task
    contents = task.contents
    dropped = {reason.name for plan in (prepared.plan, prepared.proof) for reason in plan.dropped}
    told = [clip.transcript for clip in clips if clip.transcript]
    told += [clip.text for clip in clips if isinstance(clip, Sentence)]
    return Job(
        task=task.kind.name,
        toolkit=environment()["toolkit"],
        checkpoint_name=checkpoint.path.name,
        checkpoint_sha256=checkpoint.sha256(),
        checkpoint_bytes=checkpoint.path.stat().st_size,
        places=dict(_places(prepared)),
        settings=_as_plain(task.reference_settings, "settings"),
        data=_data(prepared),
        dropped=tuple(sorted(dropped)),
        padding="unmasked" if task.padding.reference == "unmasked" else "masked",
        tags=tuple(contents.language_tags.values()),
        search=task.search,
        beams=task.kind.beams,
        numbers=tuple(
            sorted({row.scaled_by for row in prepared.network.layouts if row.scaled_by is not None})
        ),
        clips=tuple(_clip(prepared, clip) for clip in clips),
        texts=tuple(dict.fromkeys((*told, *task.kind.probe_texts(contents))))
        if task.kind.beams
        else (),
        batch=_batch(prepared),
        assumed=tuple(reason.name for reason in unproven(prepared.assumptions)),
    )


def write_recorder(job: Job, path: Path) -> Path:
    """Writes `toolkit.oracle` and a job into one file that Python can run.

    The same job gives the same bytes.

    Raises:
        BadInput: the file exists, or cannot be written.
    """
    members = recorder_members(job)
    with staged_folder(path) as staged:
        staged.path.rmdir()
        with zipfile.ZipFile(staged.path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
        staged.publish()
    return path


def recorder_members(job: Job) -> dict[str, bytes]:
    """What a recorder's file holds, by name."""
    import toolkit.oracle
    from toolkit.oracle.job import pack_job

    folder = Path(toolkit.oracle.__file__).parent
    sources = {
        f"toolkit/oracle/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*.py"))
    }
    return {
        "__main__.py": MAIN.encode(),
        "toolkit/__init__.py": b"",
        **sources,
        **pack_job(job),
    }


def standardized(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """A waveform of shape (L,) as `Wav2Vec2FeatureExtractor` standardizes it."""
    import numpy as np

    scale = np.sqrt(waveform.var() + TRANSFORMERS_EPSILON)
    result: NDArray[np.float32] = ((waveform - waveform.mean()) / scale).astype(np.float32)
    return result


def _places(prepared: Prepared) -> Iterator[tuple[str, Place]]:
    from toolkit.oracle.mapped import Place

    checkpoint = as_loaded(prepared.checkpoint)
    for name, spec in checkpoint.tensors.items():
        yield (
            name,
            Place(
                stored=checkpoint.stored_dtype(name),
                dtype=spec.dtype,
                shape=spec.shape,
                stride=checkpoint.stride(name),
                offset_bytes=checkpoint.location(name).offset_bytes,
            ),
        )


def _data(prepared: Prepared) -> dict[str, bytes]:
    """The companions as fairseq is to find them."""
    return {
        name: content.read_bytes() if isinstance(content, Path) else content
        for name, content in prepared.task.reference_files.items()
    }


def _clip(prepared: Prepared, clip: Clip) -> JobClip:
    from toolkit.oracle.job import JobClip
    from toolkit.pipeline.clips import tag_of

    return JobClip(
        name=clip.name,
        waveform=clip.waveform,
        tag=tag_of(prepared, clip),
        transcript=clip.transcript,
        lang=clip.lang,
        kind=clip.kind,
        medium=prepared.task.kind.medium.name,
        inputs=(standardized(clip.waveform),) if prepared.task.kind.medium is AUDIO else (),
    )


def _batch(prepared: Prepared) -> Batch:
    """What the padding level takes apart, said in parameters: who has fairseq finds the modules."""
    from toolkit.oracle.job import Batch

    probes, plan = prepared.task.padding, prepared.proof
    origins = {n: a.source for n, a in plan.assignments.items() if a.source is not None}
    origins |= {tie.target: tie.source for tie in plan.ties}
    unpaired = set(prepared.network.unpaired)
    left_out = {origins.get(name) for name in unpaired}
    wanted = []
    for path in (probes.before, probes.unmasked, probes.after):
        held = {
            origin
            for name, origin in origins.items()
            if path is not None and name.startswith(f"{path}.") and name not in unpaired
        }
        wanted.append(tuple(sorted(held)))
    return Batch(
        alone=probes.reference == "alone",
        parameters=tuple(names for names in wanted if names),
        used=tuple(sorted(name for name in plan.used_sources if name not in left_out)),
    )


def _as_plain(value: Any, where: str) -> Any:
    """The value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _as_plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_as_plain(item, where) for item in value]
    raise BadInput(
        f"`{where}` must be plain data for a recorder to take along, but is of type "
        f"{type(value).__name__}. Run fairseq in this environment instead."
    )
