"""Asks fairseq everything that a comparison will ask, and writes the answers into a folder."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import asdict
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from toolkit.oracle.asking import AnyModel, Pass, language_of, of_one_language, prefix_of
from toolkit.oracle.hooks import Calls
from toolkit.oracle.job import VERSION, Job, JobClip, as_samples, digest
from toolkit.oracle.rows import a_second, choose_rows, take
from toolkit.oracle.search import capped, shortened, with_beam
from toolkit.oracle.store import Store
from toolkit.oracle.tasks import further_prefixes

INDEX = "recording.json"
AXES = {
    "waveform": "L",
    "source": "L",
    "logits": "B S V",
    "encoder_out": "B T D",
}
"""Axes of what an index names. Axes of a module's tensors are fairseq's own."""

AXES_OF_BANKS = {"source": "T F"}
"""Where the network hears filter banks."""

Report = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is."""

Entry = Dict[str, Any]


def record_answers(reference: AnyModel, job: Job, folder: str, report: Report) -> None:
    """Fills an existing folder: tensor files, and an index that says what they hold.

    Args:
        reference: fairseq with the checkpoint's weights.
        job: What to ask.
        folder: Where to write.
        report: Called before every clip.
    """
    _Recorder(reference, job, folder).run(report)


def expected_bytes(reference: AnyModel, job: Job) -> int:
    """About how large the recording will be, from a float32 pass over the shortest clip."""
    clip = min(job.clips, key=lambda c: c.num_samples)
    source = reference.front_end(_tensor(clip.waveform))
    tokens: Tuple[int, ...] = ()
    if job.beams:
        search = with_beam(capped(job.search, len(source), a_second(source)), job.beams[0])
        tokens = reference.search(source, search, clip.tag)[0].tokens
    prefix = prefix_of(reference, tokens, clip.tag)
    forced = reference.forward([source], [prefix], explicit=True)
    kept = _keeping(reference.model, None)
    whole, firsts = Store(), Store()
    _put_calls(whole, "", {p: c for p, c in forced.calls.items() if p in kept}, _everything)
    _put_calls(firsts, "", {p: c for p, c in forced.calls.items() if p in kept}, _first_output)
    per_sample = (2 * whole.num_bytes + firsts.num_bytes) / clip.num_samples
    rows = choose_rows([c.num_samples for c in job.clips])
    probed = 0 if job.batch.alone else len(rows) * max(samples for _, samples in rows)
    share = len(_probed(reference.model, job)) / max(len(kept), 1)
    of_batch = 3 * whole.num_bytes / clip.num_samples * share * probed
    return int(per_sample * sum(c.num_samples for c in job.clips) + of_batch)


class _Recorder:
    def __init__(self, reference: AnyModel, job: Job, folder: str) -> None:
        self.reference, self.job, self.folder = reference, job, folder
        self.files: Dict[str, Entry] = {}
        self.searches: List[Entry] = []
        self.passes: List[Entry] = []
        self.encodings: Dict[str, Tuple[int, ...]] = {}
        self.texts: Dict[Tuple[Tuple[int, ...], Optional[int]], str] = {}
        self.hears_banks = False

    def run(self, report: Report) -> None:
        total = len(self.job.clips) + 1
        clips, sources = [], []
        for number, clip in enumerate(self.job.clips):
            length = f" ({clip.duration_s:.1f} s)" if clip.duration_s else ""
            report(f"recording {clip.name}{length}", number, total)
            entry, source, prefix = self._record_clip(number, clip)
            clips.append(entry)
            sources.append((source, prefix, str(entry["source"])))
        report("recording the padded batch and texts", total - 1, total)
        self._record_batch(sources)
        for text in self.job.texts:
            self._encode(text)
        self._write_index(clips)
        report("recorded", total, total)

    def _record_clip(self, number: int, clip: JobClip) -> Tuple[Entry, Tensor, Tuple[int, ...]]:
        name, store = f"clip-{number:03}", Store()
        waveform = _tensor(clip.waveform)
        source = self.reference.front_end(waveform)
        self.hears_banks = source.dim() == 2
        entry = {
            "name": clip.name,
            "num_samples": clip.num_samples,
            "transcript": clip.transcript,
            "lang": clip.lang,
            "kind": clip.kind,
            "medium": clip.medium,
            "tag": clip.tag,
            "sha256": digest(as_samples(clip.waveform)),
            "waveform": _put(name, store, "waveform", waveform),
            "source": _put(name, store, "source", source),
        }
        greedy = self._listen(name, store, clip, (source, str(entry["source"])))
        prefix = prefix_of(self.reference, greedy, clip.tag)
        given = ([source], [prefix], [str(entry["source"])])
        self._force(name, store, given, explicit=False, keep=None)
        self._force(name, store, given, explicit=True, keep=_first_output)
        self._write(name, store)
        exact, store = f"{name}-float64", Store()
        made = self._force(exact, store, given, explicit=True, double=True, keep=_everything)
        for further in further_prefixes(self.job.task, made):
            other = ([source], [further], given[2])
            self._force(exact, store, other, explicit=True, double=True)
        self._write(exact, store)
        return entry, source, prefix

    def _listen(
        self, name: str, store: Store, clip: JobClip, heard: Tuple[Tensor, str]
    ) -> Tuple[int, ...]:
        """Records what is said of a clip; returns the greedy tokens, if anything is searched."""
        if not self.job.beams:
            return ()
        source, place = heard
        once = self.job.beams[0]
        greedy = self._search(source, once, clip.tag, place)
        for beam in self.job.beams[1:]:
            self._search(source, beam, clip.tag, place)
        for i, array in enumerate((clip.waveform, *clip.inputs)):
            # A network that hears filter banks, or reads ids, cannot hear waveforms.
            hears = source.dim() == 1 and source.is_floating_point()
            if hears and not torch.equal(_tensor(array), source):
                other = _put(name, store, f"inputs.{i}", _tensor(array))
                self._search(_tensor(array), once, clip.tag, other)
        self._encode(self.texts[greedy, language_of(self.reference, clip.tag)])
        return greedy

    def _record_batch(self, given: Sequence[Tuple[Tensor, Tuple[int, ...], str]]) -> None:
        name, store = "batch", Store()
        rows: List[Tuple[Tensor, Tuple[int, ...], str]] = []
        given = [given[i] for i in of_one_language(self.reference, [row[1] for row in given])]
        lengths, rate = [len(source) for source, _, _ in given], a_second(given[0][0])
        for index, length in choose_rows(lengths, rate):
            source, prefix, place = given[index]
            if length != len(source):
                source = take(source, length)
                place = _put(name, store, f"rows.{len(rows)}", source)
            rows.append((source, shortened(prefix, length, rate), place))
        if self.job.batch.alone:
            for source, prefix, place in rows:
                if place.startswith(name):
                    self._force(name, store, ([source], [prefix], [place]), explicit=False)
        else:
            together = ([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
            probed = _probed(self.reference.model, self.job)
            keep = _everything if probed else None
            self._force(name, store, together, explicit=False, keep=keep, only=probed)
            if probed:
                self._force(
                    name, store, together, explicit=True, double=True, keep=keep, only=probed
                )
        self._write(name, store)

    def _search(self, source: Tensor, beam: int, tag: Optional[int], place: str) -> Tuple[int, ...]:
        """Records one search and the texts of what it finds; returns the best tokens."""
        search = with_beam(capped(self.job.search, len(source), a_second(source)), beam)
        found = self.reference.search(source, search, tag)
        for hypothesis in found:
            self._decode(hypothesis.tokens, language_of(self.reference, tag))
        self.searches.append(
            {
                "input": place,
                "tag": tag,
                "search": asdict(search),
                "hypotheses": [{"tokens": list(h.tokens), "score": h.score} for h in found],
            }
        )
        return found[0].tokens

    def _force(
        self,
        name: str,
        store: Store,
        given: Tuple[Sequence[Tensor], Sequence[Tuple[int, ...]], Sequence[str]],
        *,
        explicit: bool,
        double: bool = False,
        keep: "Optional[_Keep]" = None,
        only: Optional[Sequence[str]] = None,
    ) -> Pass:
        """Records one pass, and returns it."""
        sources, prefixes, places = given
        made = self.reference.forward(sources, prefixes, explicit=explicit, double=double)
        kind = "float64" if double else "explicit" if explicit else "fused"
        kept = _keeping(self.reference.model, only) if keep else ()
        calls = {path: called for path, called in made.calls.items() if path in kept}
        self.passes.append(
            {
                "inputs": list(places),
                "prefixes": [list(prefix) for prefix in prefixes],
                "explicit": explicit,
                "double": double,
                "outputs": {
                    output: _put(name, store, f"{kind}/{output}", tensor)
                    for output, tensor in made.outputs.items()
                },
                "modules": "none" if keep is None else "parameterized" if only is None else "some",
                "calls": _put_calls(store, f"{kind}/", calls, keep, name) if keep else {},
            }
        )
        return made

    def _encode(self, text: str) -> None:
        self.encodings[text] = self.reference.encode(text)
        self._decode(self.encodings[text])

    def _decode(self, tokens: Tuple[int, ...], tag: Optional[int] = None) -> None:
        if (tokens, tag) not in self.texts:
            self.texts[tokens, tag] = self.reference.text(tokens, tag)

    def _write(self, name: str, store: Store) -> None:
        file = f"{name}.safetensors"
        self.files[file] = store.write(os.path.join(self.folder, file))

    def _write_index(self, clips: Sequence[Entry]) -> None:
        job, model = self.job, self.reference.model
        said = {
            "version": VERSION,
            "checkpoint": {
                "name": job.checkpoint_name,
                "sha256": job.checkpoint_sha256,
                "num_bytes": job.checkpoint_bytes,
            },
            "toolkit": job.toolkit,
            "environment": environment(),
            "axes": {**AXES, **(AXES_OF_BANKS if self.hears_banks else {})},
            "dtypes": sorted({place.dtype for place in job.places.values()}),
            "assumed": list(job.assumed),
            "start_token": self.reference.start_token,
            "paths": list(_callable_paths(model)),
            "numbers": {path: _number(model, path) for path in job.numbers},
            "files": self.files,
            "clips": list(clips),
            "searches": self.searches,
            "passes": self.passes,
            "encodings": [[text, list(ids)] for text, ids in self.encodings.items()],
            "texts": [
                [list(tokens), text, *(() if tag is None else (tag,))]
                for (tokens, tag), text in self.texts.items()
            ],
        }
        said["digest"] = index_digest(said)
        with open(os.path.join(self.folder, INDEX), "w", encoding="utf-8") as file:
            json.dump(said, file, ensure_ascii=False)
            file.write("\n")


def index_digest(said: Mapping[str, Any]) -> str:
    """The sha256 of an index, its own entry `digest` left out."""
    rest = {key: value for key, value in said.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def environment() -> Dict[str, str]:
    """Versions of what takes part where fairseq runs."""
    import fairseq

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": str(torch.__version__),
        "numpy": str(np.__version__),
        "fairseq": str(getattr(fairseq, "__version__", "unknown")),
    }


_Keep = Callable[[object], Tuple[Mapping[str, Tensor], Mapping[str, Tensor]]]
"""The inputs and the outputs of a call that are worth keeping."""


def _everything(call: Any) -> Tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    return call.inputs, call.outputs


def _first_output(call: Any) -> Tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    return {}, dict(list(call.outputs.items())[:1])


def _put(file: str, store: Store, name: str, tensor: Tensor) -> str:
    """Where a tensor is found: file and name, parted by a colon."""
    return f"{file}:{store.put(name, tensor)}"


def _put_calls(
    store: Store, prefix: str, calls: Calls, keep: _Keep, file: str = ""
) -> Dict[str, List[Entry]]:
    said: Dict[str, List[Entry]] = {}
    for path, made in calls.items():
        said[path] = []
        for number, call in enumerate(made):
            entry: Entry = {}
            for side, tensors in zip(("inputs", "outputs"), keep(call)):
                entry[side] = [
                    [name, _put(file, store, f"{prefix}{path}/{number}/{side}/{name}", tensor)]
                    for name, tensor in tensors.items()
                ]
            said[path].append(entry)
    return said


def _keeping(model: nn.Module, only: Optional[Sequence[str]]) -> Sequence[str]:
    """Modules whose calls are kept: what has no parameter is never compared by itself."""
    return list(_parameterized(model)) if only is None else only


def _parameterized(model: nn.Module) -> Iterator[str]:
    for path, module in model.named_modules():
        if path and next(module.parameters(), None) is not None:
            yield path


def _probed(model: nn.Module, job: Job) -> Sequence[str]:
    """The modules that hold exactly one of the wanted sets of parameters."""
    wanted = {frozenset(names) for names in job.batch.parameters}
    found = []
    for path in _parameterized(model):
        held = frozenset(name for name in job.batch.used if name.startswith(path + "."))
        if held in wanted:
            found.append(path)
    return found


def _callable_paths(model: nn.Module) -> Iterator[str]:
    """Paths of modules that can be called; see `toolkit.replay.pairs.module_paths`."""
    for path, module in model.named_modules():
        holds_others = isinstance(module, (nn.ModuleList, nn.ModuleDict))
        if path and not holds_others and not _is_parametrization(path):
            yield path


def _is_parametrization(path: str) -> bool:
    return path.endswith(".parametrizations") or ".parametrizations." in path


def _number(model: nn.Module, path: str) -> float:
    value: Any = model
    for name in path.split("."):
        value = getattr(value, name)
    return float(value)


def _tensor(array: object) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
