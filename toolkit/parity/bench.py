"""Both models of one pair, loaded on first use and once per process, and what is asked of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput, ToolkitError
from toolkit.core.findings import Finding
from toolkit.core.measures import Level, Measure
from toolkit.core.result import Result
from toolkit.parity.catalogue import ParityTest, list_tests
from toolkit.parity.rules import Rules, ToleranceRule, assign_rules, has_tolerance, read_rules
from toolkit.parity.verdicts import Explanation, ModuleVerdict

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.audio import Clip
    from toolkit.compare.static import WeightError
    from toolkit.oracle.asking import AnyReference
    from toolkit.parity.settings import PairSettings
    from toolkit.pipeline.difference import Session
    from toolkit.pipeline.origin import Asked, Origin
    from toolkit.pipeline.prepare import Prepared
    from toolkit.replay.target import Target
    from toolkit.tasks import TaskKind
    from toolkit.tasks.base import AnyMeasurements
    from toolkit.trial.bench import AnyBench, Run
    from toolkit.trial.measuring import PairErrors


class Parity:
    """One pair: `reference` and `converted`, and the verdict on each of its tests."""

    def __init__(self, settings: PairSettings) -> None:
        """Loads nothing yet."""
        self.settings = settings
        self._stack = ExitStack()
        self._runs: dict[str, Run] = {}

    @property
    def name(self) -> str:
        """What the settings call the pair."""
        return self.settings.name

    @cached_property
    def prepared(self) -> Prepared:
        """The checkpoint understood, and what must become of it."""
        return _prepare(self.settings)

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        """What is compared on: the clips of the recording, if there is one."""
        return self._origin.read_clips(self.prepared, self.settings.named(self._kind.medium))

    @cached_property
    def tests(self) -> tuple[ParityTest, ...]:
        """All tests of the pair."""
        return list_tests(self.prepared, self.clips)

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """Paths of the converted model's modules that are compared with one of fairseq's."""
        return tuple(test.subject for test in self.tests if test.level == "module")

    @cached_property
    def rules(self) -> Rules:
        """The tolerances of the pair's own file, by test."""
        path = self.settings.tolerances
        levels = [test.ident for test in self.tests if has_tolerance(test.level)]
        return assign_rules(() if path is None else read_rules(path), self.modules, levels)

    @property
    def reference(self) -> AnyReference:
        """Fairseq's side: its model with the checkpoint's weights, or the recording.

        Raises:
            BadInput: fairseq is not installed, or cannot build the checkpoint; the recording cannot
                be used.
        """
        return self._asked.reference

    @cached_property
    def _origin(self) -> Origin:
        from toolkit.pipeline.origin import Origin

        return self.settings.part(Origin)

    @cached_property
    def _asked(self) -> Asked:
        from toolkit.core.progress import silent

        # The reference needs its files for as long as it is used, but other people's tests need
        # their log messages; `quiet` silences fairseq while it is asked.
        heard = logging.root.manager.disable
        try:
            return self._stack.enter_context(self._origin.ask(self.prepared, self.clips, silent))
        finally:
            logging.disable(heard)

    @cached_property
    def converted(self) -> Target:
        """The folder, loaded as users load it.

        Raises:
            BadInput: transformers cannot load it.
        """
        return self._kind.target(self.settings.hf_dir, device=self.settings.device)

    @cached_property
    def bench(self) -> AnyBench:
        """Both models side by side."""
        from toolkit.pipeline.case import make_bench

        return make_bench(self.prepared, self._asked, self.converted)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keeps fairseq silent, and gives torch as many threads as the model is worth."""
        from toolkit.oracle.quiet import quiet_fairseq
        from toolkit.pipeline.resources import fitting_resources

        with quiet_fairseq(), fitting_resources(self.prepared.plan):
            yield

    def run(self, clip: str) -> Run:
        """What both models make of a clip."""
        from toolkit.pipeline.clips import tag_of

        if clip not in self._runs:
            named = {known.name: known for known in self.clips}[clip]
            tag = tag_of(self.prepared, named)
            self._runs[clip] = self._kind.run(self.bench, named, tag=tag)
        return self._runs[clip]

    def assert_module(self, path: str) -> None:
        """Passes if the module does by itself what fairseq's counterpart does.

        Raises:
            AssertionError: it does not, or is not compared; says what the plugin's own test says.
        """
        from toolkit.parity.wording import describe_module

        with self.quiet():
            verdict = self.module(path)
            if not verdict.passes:
                explanation = self.explain(ParityTest(level="module", subject=path))
                raise AssertionError(describe_module(verdict, explanation))

    def assert_close(
        self, actual: Tensor, expected: Tensor, *, tolerance: float, what: str = "the tensors"
    ) -> None:
        """Passes if two tensors differ by at most `tolerance` of the largest expected value.

        Args:
            actual: What the converted model makes.
            expected: What fairseq makes, of the same shape.
            tolerance: Relative to the largest absolute expected value.
            what: What they are, for the message.

        Raises:
            AssertionError: they differ by more, in shape, or in what is not finite.
        """
        from toolkit.compare.metrics import relative_error

        error = relative_error(expected, actual)
        if not error <= tolerance:
            raise AssertionError(
                f"{what} err by {error!r} of the largest expected value, {tolerance!r} allowed: "
                f"expected shape {tuple(expected.shape)}, actual shape {tuple(actual.shape)}"
            )

    def level(self, test: ParityTest) -> Level:
        """The verdict on anything but a module pair or its tensors, under the pair's own rules."""
        level = self._level(test)
        rules = self.rules.get(test.ident, ())
        unknown = [r for r in rules if r.measure not in {m.name for m in level.measures}]
        if unknown:
            names = ", ".join(f"`{measure.name}`" for measure in level.measures)
            raise BadInput(
                f"{unknown[0].where}: `{unknown[0].measure}` is no measure of `{test.ident}`. Its "
                f"measures are {names}."
            )
        return replace(level, measures=tuple(_ruled(m, rules) for m in level.measures))

    def weights(self, module: str) -> Level:
        """Whether the module's own tensors hold what the mapping makes of the source."""
        from toolkit.compare.static import weights_level
        from toolkit.replay.pairs import owner

        own = tuple(error for error in self._weight_errors if owner(error.target) == module)
        level = weights_level(own, self.converted)
        return replace(level, measures=tuple(m for m in level.measures if m.unit != "tensors"))

    def module(self, path: str) -> ModuleVerdict:
        """The isolated error of a module pair over the shortest clips.

        Raises:
            BadInput: the mapping implies no such pair.
        """
        from toolkit.trial.rows import nan_first

        found = [one for one in self._errors if one.pair.target == path]
        rule = next(iter(self.rules.get(path, ())), None)
        own = self.bench.pairing.tolerance(path)
        tolerance = own if rule is None else rule.tolerance
        worst = max(found, key=lambda one: nan_first(one.isolated), default=None)
        return ModuleVerdict(path=path, worst=worst, tolerance=tolerance, rule=rule)

    @cached_property
    def failing_modules(self) -> tuple[str, ...]:
        """Modules that err on fairseq's own input, parts and wholes."""
        return tuple(path for path in self.modules if not self.module(path).passes)

    @cached_property
    def explained(self) -> Result | str:
        """What `toolkit diff` says of the folder, or why it cannot say anything."""
        from toolkit.pipeline.difference import diff_folder

        try:
            return diff_folder(self._session, self.settings.hf_dir)
        except ToolkitError as error:
            return str(error)

    def findings_for(self, test: ParityTest) -> tuple[Finding, ...]:
        """The findings behind a failed test: those about its module, else all."""
        if isinstance(self.explained, str):
            return ()
        found = self.explained.findings
        own = [finding for finding in found if finding.target_module == test.subject]
        inside = [f for f in found if f.target_module.startswith(f"{test.subject}.")]
        about_module = test.level in ("module", "weights")
        return tuple(own or inside or found) if about_module else tuple(found)

    def explain(self, test: ParityTest) -> Explanation:
        """What is said of a failed test beside its numbers; writes the report."""
        if isinstance(self.explained, str):
            return Explanation(unexplained=self.explained)
        findings = self.findings_for(test)
        try:
            return Explanation(findings=findings, report=self.report)
        except ToolkitError as error:
            return Explanation(findings=findings, unreported=str(error))

    @cached_property
    def report(self) -> Path:
        """The written report of what is wrong.

        Raises:
            BadInput: there is nothing to report, or it cannot be written.
        """
        from toolkit.report import write_html

        if isinstance(self.explained, str):
            raise BadInput(self.explained)
        self.settings.report.mkdir(parents=True, exist_ok=True)
        path = self.settings.report / f"{self.name.replace('/', '_')}.html"
        write_html(self.explained, path)
        return path

    def close(self) -> None:
        """Removes what the reference keeps on disk."""
        self._stack.close()

    @cached_property
    def _weight_errors(self) -> tuple[WeightError, ...]:
        from toolkit.compare.static import weight_errors

        return weight_errors(self.prepared.proof, self.prepared.checkpoint, self.converted)

    @cached_property
    def _replayed_clips(self) -> tuple[Clip, ...]:
        from toolkit.compare.pictures import shortest
        from toolkit.pipeline.clips import short_ones

        return shortest(short_ones(self.prepared, self.clips) or self.clips)

    @cached_property
    def _session(self) -> Session:
        """Fairseq's side of a diff, asked once."""
        from toolkit.pipeline.difference import make_session

        return make_session(self.prepared, self._replayed_clips, self._asked, self.settings.device)

    @cached_property
    def _errors(self) -> tuple[PairErrors, ...]:
        from toolkit.trial.measuring import find_errors

        bench = self.bench
        return tuple(
            one
            for record in self._session.records
            for one in find_errors(bench.target, bench.source, bench.pairing, record)
        )

    def _level(self, test: ParityTest) -> Level:
        if test.level == "loading":
            return self._judge_loading()
        if test.level == "coverage":
            return self._judge_coverage()
        kind = self._kind.level(test.level)
        runs = {
            "folder": lambda: (),
            "clip": lambda: (self.run(test.subject),),
            "batch": self._batch,
        }[kind.judged_on]()
        return kind.judge(self._measured(runs))

    @cached_property
    def _kind(self) -> TaskKind:
        return self.prepared.task.kind

    def _measured(self, runs: tuple[Run, ...]) -> AnyMeasurements:
        """What levels are judged by; that modules are not compared is a test of its own."""
        from toolkit.tasks import Measurements

        pairing = replace(self.bench.pairing, uncompared=())
        return Measurements(
            kind=self._kind,
            bench=replace(self.bench, pairing=pairing),
            runs=runs,
            checkpoint=self.prepared.checkpoint,
            plan=self.prepared.proof,
            contents=self.prepared.task.contents,
            padding=self.prepared.task.padding,
            texts=tuple(clip.transcript for clip in self.clips if clip.transcript),
        )

    def _judge_loading(self) -> Level:
        from toolkit.compare.static import weights_level

        level = weights_level(self._weight_errors, self.converted)
        strange = tuple(measure for measure in level.measures if measure.unit == "tensors")
        return replace(level, name="loading", measures=strange)

    def _judge_coverage(self) -> Level:
        """Whether the pairs that are compared are those that were collected, and all there are."""
        pairs = self.bench.pairing.pairs
        unexplained = [path for path, reason in self.bench.pairing.uncompared if reason is None]
        strange = sorted({pair.target for pair in pairs} ^ set(self.modules))
        return Level(
            name="coverage",
            measures=(
                _count("parameterized modules not compared", unexplained, len(pairs)),
                _count(
                    "module pairs that were not collected, or have no test", strange, len(pairs)
                ),
            ),
            summary=f"{len(pairs)} module pairs are compared",
        )

    def _batch(self) -> tuple[Run, ...]:
        """What the padded batch and the reload are judged on: from the shortest to the longest."""
        from toolkit.oracle.rows import choose_rows
        from toolkit.pipeline.clips import together

        clips = together(self.prepared, self.clips)
        rows = choose_rows([len(clip.waveform) for clip in clips])
        chosen = dict.fromkeys(index for index, _ in rows)
        return tuple(self.run(clips[index].name) for index in chosen)


def _prepare(settings: PairSettings) -> Prepared:
    from toolkit.blocks.known_tensors import maybe_known_specs
    from toolkit.folder.skeleton import target_specs
    from toolkit.folder.view import carries_model_code
    from toolkit.pipeline.likelihood import choose_by_likelihood
    from toolkit.pipeline.prepare import Inputs, prepare

    carries = settings.exact_padding or carries_model_code(settings.hf_dir)
    inputs = settings.part(Inputs, exact_padding=carries)
    if settings.recording is not None:
        from toolkit.pipeline.choosing import prepare_with

        return prepare_with(inputs, settings.recording, settings.audio)
    prepared = prepare(inputs, lambda config: maybe_known_specs(config) or target_specs(config))
    return choose_by_likelihood(prepared, inputs, settings.audio)


def _ruled(measure: Measure, rules: Sequence[ToleranceRule]) -> Measure:
    own = [rule for rule in rules if rule.measure == measure.name]
    return replace(measure, tolerance=own[0].tolerance) if own else measure


def _count(name: str, found: Sequence[str], compared: int) -> Measure:
    return Measure(
        name=name,
        where=", ".join(found[:3]),
        error=float(len(found)),
        tolerance=0.0,
        unit="modules",
        compared=compared,
    )
