"""Writes a Hugging Face folder, and lets it appear only when it is proven."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from toolkit.audio import Clip
from toolkit.blocks.tree import by_part
from toolkit.checkpoint import Checkpoint
from toolkit.core.progress import silent
from toolkit.core.result import Result
from toolkit.folder.background import Background
from toolkit.folder.digest import folder_digests
from toolkit.folder.skeleton import target_specs
from toolkit.folder.staging import staged_folder
from toolkit.folder.weights import num_bytes_written
from toolkit.pipeline.likelihood import choose_by_likelihood
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.papers import card_facts, write_papers
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, Prepared, known_or_asked, prepare
from toolkit.pipeline.provable import unproven, why_unprovable, why_unverified
from toolkit.pipeline.reproduce import command_line
from toolkit.pipeline.room import expect_room
from toolkit.pipeline.writing import write_converted
from toolkit.report.model_card import describe_usage
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.convert import Convert
from toolkit.session.requests.verify import Verify


@keywords_of(Convert)
def convert(request: Convert) -> Result:
    """Converts a fairseq checkpoint into a Hugging Face folder.

    A folder that does not match the checkpoint does not appear.

    Raises:
        BadInput: a file, folder, device or value cannot be used, or no exact conversion exists.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    expect_all_at_hand(request)
    report = request.progress or silent
    origin = request.part(Origin)
    because = why_unverified(request.verify, origin)
    with staged_folder(request.out) as staged, ExitStack() as background:
        report("reading the checkpoint", 0, 1)
        hashing = _Hashing(background)
        prepared = _prepare(request, hashing, is_proven=because is None)
        because = because or why_unprovable(prepared, request.verify, origin)
        expect_room(request.out, num_bytes_written(prepared.plan, prepared.checkpoint))
        clips = (
            () if because else origin.read_clips(prepared, request.named(prepared.task.kind.medium))
        )
        written = write_converted(
            prepared,
            staged.path,
            max_shard_bytes=request.max_shard_bytes,
            watch=lambda done, total: report("copying the weights", done, total, "bytes"),
        )
        if because is None:
            hashing.finish()
            result = _proven(prepared, staged.path, clips, request)
        else:
            files = folder_digests(staged.path, known=written)
            hashing.finish()
            result = unproven("convert", prepared, str(request.out), files, because)
        if result.verdict != "mismatch":
            proof = _settled(request, prepared)
            write_papers(staged.path, result, prepared, proof)
            staged.publish()
            again = command_line(proof)
            usage = describe_usage(card_facts(prepared, str(request.out)))
            further = "" if because is None else again
            return replace(result, reproduce=again, usage=usage, next=further)
    return replace(result, reproduce=command_line(request))


class _Hashing:
    """The checkpoint's digest, computed while everything else is done."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._works: list[Background[str]] = []

    def start(self, checkpoint: Checkpoint) -> None:
        """Begins with a checkpoint, which then knows its digest."""
        self._works.append(self._stack.enter_context(Background(checkpoint.sha256)))

    def finish(self) -> None:
        """Waits for the end."""
        for work in self._works:
            work.result()


def _prepare(request: Convert, hashing: _Hashing, *, is_proven: bool) -> Prepared:
    inputs = request.part(Inputs)
    if request.recording is not None:
        from toolkit.pipeline.choosing import prepare_with

        return prepare_with(inputs, request.recording, request.audio)
    # Who names values of the configuration is told by transformers itself whether they fit.
    ask = is_proven or inputs.encoder_config or inputs.decoder_config
    prepared = prepare(inputs, target_specs if ask else known_or_asked, hashing.start)
    return choose_by_likelihood(prepared, inputs, request.audio) if is_proven else prepared


def _proven(prepared: Prepared, folder: Path, clips: Sequence[Clip], request: Convert) -> Result:
    from toolkit.pipeline.verification import prove

    result = prove(
        prepared,
        folder,
        clips,
        request.part(Origin),
        beam=request.beam,
        thorough=request.thorough,
        pictures=request.pictures,
        progress=request.progress or silent,
    )
    target = replace(result.target, path=str(request.out))
    return replace(result, command="convert", target=target)


def _settled(request: Convert, prepared: Prepared) -> Verify:
    """The proof, with the values that a recording chose, so that they hold without it."""
    told = {
        path: derived.value
        for path, derived in prepared.network.config.items()
        if derived.trials and not derived.candidates
    }
    chosen = by_part(told)
    return request.part(
        Verify,
        hf_dir=request.out,
        encoder_config={**(request.encoder_config or {}), **chosen.get("encoder", {})} or None,
        decoder_config={**(request.decoder_config or {}), **chosen.get("decoder", {})} or None,
    )
