"""The collector and the items that pytest sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.core.errors import ToolkitError
from toolkit.core.measures import Level
from toolkit.parity.bench import Parity
from toolkit.parity.catalogue import ParityTest
from toolkit.parity.verdicts import ModuleVerdict


class PairFile(pytest.File):
    """A Hugging Face folder that must equal a checkpoint."""

    def __init__(self, *, bench: Parity, **node: Any) -> None:
        """Takes what pytest gives every node, and the pair."""
        super().__init__(**node)
        self.bench = bench
        # What `-k` looks at: not `config.json`, or `-k config` would choose every test.
        self.name = bench.name

    def collect(self) -> Iterator[ParityItem]:
        """One item per test of the pair.

        Raises:
            CollectError: the checkpoint, its companions, the clips or the rules cannot be used.
        """
        try:
            tests = self.bench.tests
            _ = self.bench.rules
        except ToolkitError as error:
            raise self.CollectError(str(error)) from None
        for test in tests:
            # Named whole: pytest reads the brackets as parameters, as it does when it reads the
            # names of failed tests back from its cache.
            name = f"parity[{test.ident}]"
            nodeid = f"{self.nodeid}::{name}"
            yield ParityItem.from_parent(
                self, name=name, nodeid=nodeid, bench=self.bench, test=test
            )


class ParityItem(pytest.Item):
    """One module pair, or one level of one clip."""

    def __init__(self, *, bench: Parity, test: ParityTest, **node: Any) -> None:
        """Takes what pytest gives every node, the pair and the test."""
        super().__init__(**node)
        self.bench, self.test = bench, test
        self.extra_keyword_matches.add(test.level)

    def runtest(self) -> None:
        """Compares, and fails with what is wrong and what to do."""
        with self.bench.quiet():
            try:
                self._judge()
                return
            except ToolkitError as error:
                message = f"`{self.test.ident}` cannot be compared: {error}"
        pytest.fail(message, pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test is: in the folder that it is about."""
        return self.path, 0, self.name

    def _judge(self) -> None:
        if self.test.level == "module":
            self._judge_module(self.bench.module(self.test.subject))
        else:
            self._judge_level(self._level())

    def _level(self) -> Level:
        if self.test.level == "weights":
            return self.bench.weights(self.test.subject)
        try:
            return self.bench.level(self.test)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            # What transformers' own code raises where a folder's configuration is wrong.
            because = " ".join(str(error).split())[:200] or type(error).__name__
            reason = f"not compared: the model does not run: {because}"
            return Level(name=self.test.level, measures=(), summary=reason)

    def _judge_module(self, verdict: ModuleVerdict) -> None:
        from toolkit.parity import wording

        if verdict.worst is not None:
            self.user_properties.append(("error", verdict.worst.isolated))
            self.user_properties.append(("tolerance", verdict.tolerance))
        if verdict.passes:
            if verdict.rule is not None:
                self.user_properties.append(("tolerance_because", verdict.rule.because))
            return
        culprit = self._culprit_inside(verdict.path)
        if culprit is not None:
            because = f"undecided, as its part `{culprit}` fails; that one has a test of its own"
            raise pytest.skip.Exception(because, _use_item_location=True)
        explanation = self.bench.explain(self.test)
        pytest.fail(wording.describe_module(verdict, explanation), pytrace=False)

    def _culprit_inside(self, path: str) -> str | None:
        """A failing part of the module whose own test runs in this session.

        A whole cannot be right while a part of it is wrong. If nobody runs the part's test, the
        whole's must fail, or a wrong folder would pass.
        """
        failing = [part for part in self.bench.failing_modules if part.startswith(f"{path}.")]
        chosen = {
            item.test.subject
            for item in self.session.items
            if isinstance(item, ParityItem)
            and item.bench is self.bench
            and item.test.level == "module"
        }
        wholes = {part for part in failing if any(p.startswith(f"{part}.") for p in failing)}
        judged = [part for part in failing if part in chosen]
        return min(judged, key=lambda part: part in wholes, default=None)

    def _judge_level(self, level: Level) -> None:
        from toolkit.parity import wording

        if level.verdict == "fail":
            explanation = self.bench.explain(self.test)
            pytest.fail(wording.describe_level(self.test, level, explanation), pytrace=False)
        self.user_properties.append(("summary", level.summary))
        if level.verdict == "deviation":
            self.user_properties.append(("deviation", level.summary))
        because = {rule.because for rule in self.bench.rules.get(self.test.ident, ())}
        self.user_properties += [("tolerance_because", reason) for reason in sorted(because)]
