"""What a task says about itself: its name, its levels, and how its folders are loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from toolkit.core.breakable import Breakable
from toolkit.examples import AUDIO, Medium

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.audio import Clip
    from toolkit.checkpoint import Checkpoint
    from toolkit.compare.differences import AnyVocabulary, Difference
    from toolkit.compare.probes import PaddingProbes
    from toolkit.compare.static import WeightError
    from toolkit.core.coverage import Reason
    from toolkit.core.findings import FindingKind
    from toolkit.core.measures import Level
    from toolkit.core.result import Caution, Deviation
    from toolkit.core.tokens import ClipTokens
    from toolkit.folder.contents import FolderContents
    from toolkit.mapping import Plan
    from toolkit.oracle.asking import AnyReference
    from toolkit.replay.target import Target
    from toolkit.trial.bench import Bench, Run
    from toolkit.trial.measuring import Record

T = TypeVar("T", bound="Target")
R = TypeVar("R", bound="Run")


def deferred(module: str, name: str) -> Callable[..., Any]:
    """A function that is imported when it is called: who only lists levels needs no torch."""

    def call(*args: object, **options: object) -> object:
        return getattr(import_module(module), name)(*args, **options)

    return call


@dataclass(frozen=True, kw_only=True)
class Answers(Generic[T, R]):
    """What both models answered on clips, which is all that end-to-end levels are judged by."""

    kind: TaskKind
    bench: Bench[T]
    runs: tuple[R, ...]

    @property
    def wanting(self) -> tuple[Reason, ...]:
        """Heads that the folder does without, with what that means."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Measurements(Answers[T, R]):
    """Everything that the levels of a folder are judged by."""

    checkpoint: Checkpoint
    plan: Plan
    contents: FolderContents
    padding: PaddingProbes
    texts: tuple[str, ...]
    """What both sides turn into ids."""
    thorough: bool = True
    """Whether nothing is spared that only costs time."""

    @property
    def wanting(self) -> tuple[Reason, ...]:
        """Heads that the folder does without, with what that means."""
        return tuple(self.contents.wanting)

    @cached_property
    def weights(self) -> tuple[WeightError, ...]:
        """How far every tensor is from what the mapping makes of the source."""
        from toolkit.compare.static import weight_errors

        return weight_errors(self.plan, self.checkpoint, self.bench.target)

    @cached_property
    def vocabulary(self) -> AnyVocabulary | None:
        """What the checkpoint implies of a tokenizer; None where there is none."""
        return self.kind.expect_vocabulary(self.contents, self.bench.reference, self.texts)

    @cached_property
    def vocabulary_differences(self) -> tuple[Difference, ...]:
        """In what the folder's tokenizer differs from that; there must be one."""
        assert self.vocabulary is not None, "a task without a tokenizer asks for none"
        tokenizer = self.bench.target.tokenizer
        return self.vocabulary.compare(tokenizer)


AnyMeasurements: TypeAlias = Measurements[Any, Any]


@dataclass(frozen=True, kw_only=True)
class LevelKind:
    """One level of a task's verdict."""

    name: str
    judge: Callable[[AnyMeasurements], Level]
    finding: FindingKind
    """What a finding is about that nothing but this level shows."""
    judged_on: Literal["folder", "clip", "batch"]
    """The folder without any run; every clip by itself, so that each is a test of its own; or a few
    clips together."""
    effort: Literal["replayed", "searched", "beamed"] | None = None
    """What must have been done on a clip that the level looks at; None looks at all."""
    end_to_end: bool = False
    """Whether it is judged by `Answers` alone, with neither the checkpoint nor a mapping."""
    outside: Callable[..., Level] | None = None
    """Judges what somebody else's code says to clips, of `toolkit.tasks.speech.outside`."""
    told_by: tuple[str, ...] = ()
    """Outputs of such code that it is about; a name that ends in a point begins several."""

    def judged(self, answers: Answers[Target, Run]) -> Level:
        """The verdict, under this name."""
        level = self.judge(answers)  # type: ignore[arg-type]  # what is not end to end gets all
        return replace(level, name=self.name, clips=self.clips(answers.runs))

    def is_told(self, given: Collection[str]) -> bool:
        """Whether any of some outputs is what it is about."""
        starts = tuple(name for name in self.told_by if name.endswith("."))
        return any(name in self.told_by or name.startswith(starts) for name in given)

    def judged_outside(self, runs: Sequence[Run]) -> Level:
        """The verdict on what somebody else's code says, under this name.

        Raises:
            ValueError: nothing of that is what the level is about.
        """
        if self.outside is None:
            raise ValueError(f"`{self.name}` is about what no other code says")
        return replace(self.outside(runs), name=self.name, clips=len(runs))

    def clips(self, runs: Sequence[Run]) -> int | None:
        """How many clips it looks at; None where it looks at the folder, or at a batch of a few."""
        if self.judged_on != "clip":
            return None
        return sum(self.effort is None or bool(vars(run.effort)[self.effort]) for run in runs)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What reports and the model card say of models of a kind."""

    pipeline: str
    """What the hub calls what they are for."""

    tags: tuple[str, ...]
    """Of the hub."""
    summary: str
    """What such a model is, as one sentence."""
    units: str
    """What it says: tokens, letters."""
    usage: str
    """How it is used, in Python; `{name}` stands for the model's, as a string, `{caller}` for what
    is below, `{remote}` for the argument that a folder with classes of its own needs."""
    caller: str = ""
    """What the example calls the pipeline that says something: a verb."""
    notes: str = ""
    """What a user of the folder must know, in Markdown."""
    opens: str = ""
    """How fairseq opens a checkpoint of the kind, where its loader does not; see
    `toolkit.report.exported.describe_opening`."""
    takes: str = ""
    """What such a model is given, where that is neither sound nor text."""


Surprise: TypeAlias = "Callable[[Target, Tensor], float]"
"""Minus the logarithm of the probability that a model gives to what a clip holds, in nats by the
unit, given the network's input of shape (L,); infinity where the input is too short."""


@dataclass(frozen=True, kw_only=True)
class Likelihood:
    """How likely models of a kind find what they hear: with the right arguments alone, very."""

    ask: Callable[[FolderContents, Clip], Surprise | None]
    """How a model is asked of a clip; None where the clip tells nothing of it."""
    chance: Callable[[FolderContents], float]
    """What a unit costs who knows nothing, in nats."""
    unit: str
    """What is found likely, one by one: a symbol."""
    clips: str
    """What the clips are that can be asked of."""


@dataclass(frozen=True, kw_only=True)
class TaskKind:
    """What models of a kind are asked."""

    name: str
    """As results name it: `speech_seq2seq`."""
    levels: tuple[LevelKind, ...]
    """In the order in which a reader wants them."""
    absent: Mapping[str, str]
    """Levels of other tasks that this one has not, each with the reason."""
    words: Words
    beams: tuple[int, ...]
    """Beams of the searches that are compared, that of the greedy one first; none where nothing is
    said."""
    target: Callable[..., Target]
    """Loads a folder of the kind, ready to be asked; see `toolkit.replay.target.Target`."""
    record: Callable[..., Record]
    """What fairseq does with a clip in float64: `(reference, name, waveform, search, tag)`."""
    run: Callable[..., Run]
    """What both models make of a clip: `(bench, clip, tag=, effort=, prefix=, book=)`."""
    texts: Callable[..., tuple[str, ...]]
    """The texts that a tokenizer is tried on, of all runs."""
    tokens: Callable[..., ClipTokens]
    """What both models said about the clip of a run."""
    deviations: Callable[[Sequence[Level], PaddingProbes], Iterable[Deviation]]
    """The declared differences, as the levels measured them."""
    cautions: Callable[[Sequence[Level]], Iterable[Caution]]
    """What users are to be told of other ways to use a right folder, as the levels measured it."""
    write_tokenizer: Callable[[FolderContents, Path], None]
    """Writes the files of a tokenizer into a folder."""
    expect_vocabulary: Callable[[FolderContents, AnyReference, Iterable[str]], AnyVocabulary | None]
    """What the checkpoint implies of a tokenizer, with fairseq's answers on texts; None where there
    is no tokenizer."""
    probe_texts: Callable[[FolderContents], tuple[str, ...]]
    """Texts at which tokenizers part, which fairseq is asked about beside those of clips."""
    compare: Callable[..., Run]
    """What somebody else's code makes of a clip, beside fairseq: `(question, answer)`."""
    breakable: Breakable = field(default_factory=Breakable)
    """What of the files beside the weights can be broken on purpose; nothing by default."""
    likelihood: Likelihood | None = None
    """None where nothing that is heard can be held against a model."""
    medium: Medium = AUDIO
    """What it is that they are asked about."""

    @property
    def level_names(self) -> tuple[str, ...]:
        """The names of all levels, in order."""
        return tuple(kind.name for kind in self.levels)

    @property
    def told(self) -> dict[str, Any]:
        """What a result says of the task, by the names of its fields."""
        return {
            "task": self.name,
            "task_levels": self.level_names,
            "absent_levels": self.absent,
            "finding_kinds": self.finding_kinds,
            "units": self.words.units,
            "examples": self.medium.many,
        }

    @property
    def finding_kinds(self) -> dict[str, FindingKind]:
        """What a finding of each level is about."""
        return {kind.name: kind.finding for kind in self.levels}

    def level(self, name: str) -> LevelKind:
        """The level called `name`.

        Raises:
            KeyError: the task has no such level.
        """
        return {kind.name: kind for kind in self.levels}[name]

    def judge(
        self, measurements: AnyMeasurements, left_out: Mapping[str, str] | None = None
    ) -> tuple[Level, ...]:
        """The verdict on every level.

        Args:
            measurements: What they are judged by.
            left_out: Levels that the user asked not to compare, each with the option that says so.
        """
        options = left_out or {}
        return tuple(
            left_out_level(kind.name, options[kind.name])
            if kind.name in options
            else kind.judged(measurements)
            for kind in self.levels
        )

    def judge_answers(self, answers: Answers[Target, Run]) -> tuple[Level, ...]:
        """The verdict on every level that both sides' answers are enough for."""
        return tuple(kind.judged(answers) for kind in self.levels if kind.end_to_end)


def left_out_level(name: str, option: str) -> Level:
    """A level that the user asked not to compare."""
    from toolkit.core.measures import Level

    summary = f"not compared, because `{option}` was given"
    return Level(name=name, measures=(), summary=summary, left_out=True)
