"""Converts fairseq speech models to Hugging Face transformers, and proves the conversion.

`convert`, `verify`, `diff`, `record`, `export` and `inspect` return frozen results whose
`to_dict()` is the JSON that the command line writes, and so does `audit`. They print nothing and
never exit.
`assert_parity` is `verify` as an assertion. `compare_modules` compares any two torch models, and
`assert_modules_agree` is that as an assertion.

>>> from pathlib import Path
>>> import toolkit
>>> checkpoint = Path("golden_audio/checkpoint/model.pt")
>>> toolkit.inspect(checkpoint).family
'xm_transformer'
>>> result = toolkit.convert(checkpoint, Path("out"), verify=False)
>>> result.verdict
'unverified'
>>> result.to_dict()["unverified_because"]
'`--no-verify` was given'
>>> toolkit.convert(checkpoint, Path("out"))
Traceback (most recent call last):
    ...
toolkit.core.errors.BadInput: `out` must not exist yet, but does. ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.core.errors import (
        BadInput,
        BrokenRule,
        InternalError,
        NotRecorded,
        ToolkitError,
    )
    from toolkit.core.inferred import Inference
    from toolkit.core.inspection import Inspection
    from toolkit.core.planned import PlannedConversion, PlannedExport
    from toolkit.core.recording import Recording
    from toolkit.core.result import Result
    from toolkit.core.version import __version__ as __version__
    from toolkit.handoff import Example, Runner
    from toolkit.modules.assertion import assert_modules_agree
    from toolkit.modules.carrying import carry_weights
    from toolkit.modules.comparing import compare_modules
    from toolkit.parity import assert_parity
    from toolkit.pipeline import convert, diff, inspect, verify
    from toolkit.pipeline.auditing import audit
    from toolkit.pipeline.exporting import export, plan_export
    from toolkit.pipeline.features import extract_features
    from toolkit.pipeline.inferring import infer
    from toolkit.pipeline.planning import plan_conversion
    from toolkit.pipeline.recording import record
    from toolkit.proof.audited import Audited

__all__ = [
    "Audited",
    "BadInput",
    "BrokenRule",
    "Example",
    "Inference",
    "Inspection",
    "InternalError",
    "NotRecorded",
    "PlannedConversion",
    "PlannedExport",
    "Recording",
    "Result",
    "Runner",
    "ToolkitError",
    "assert_modules_agree",
    "assert_parity",
    "audit",
    "carry_weights",
    "compare_modules",
    "convert",
    "diff",
    "export",
    "extract_features",
    "infer",
    "inspect",
    "plan_conversion",
    "plan_export",
    "record",
    "verify",
]

_HOMES = {
    "__version__": "toolkit.core.version",
    "BadInput": "toolkit.core.errors",
    "BrokenRule": "toolkit.core.errors",
    "InternalError": "toolkit.core.errors",
    "NotRecorded": "toolkit.core.errors",
    "ToolkitError": "toolkit.core.errors",
    "Audited": "toolkit.proof.audited",
    "Example": "toolkit.handoff",
    "Inference": "toolkit.core.inferred",
    "Inspection": "toolkit.core.inspection",
    "PlannedConversion": "toolkit.core.planned",
    "PlannedExport": "toolkit.core.planned",
    "Recording": "toolkit.core.recording",
    "Result": "toolkit.core.result",
    "Runner": "toolkit.handoff",
    "assert_modules_agree": "toolkit.modules.assertion",
    "assert_parity": "toolkit.parity",
    "audit": "toolkit.pipeline.auditing",
    "carry_weights": "toolkit.modules.carrying",
    "compare_modules": "toolkit.modules.comparing",
    "convert": "toolkit.pipeline",
    "diff": "toolkit.pipeline",
    "export": "toolkit.pipeline.exporting",
    "extract_features": "toolkit.pipeline.features",
    "infer": "toolkit.pipeline.inferring",
    "inspect": "toolkit.pipeline",
    "plan_conversion": "toolkit.pipeline.planning",
    "plan_export": "toolkit.pipeline.exporting",
    "record": "toolkit.pipeline.recording",
    "verify": "toolkit.pipeline",
}


def __getattr__(name: str) -> object:
    """Imports a public name on first use, so that `import toolkit` and `--help` are instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'toolkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """What there is, though it is not imported yet."""
    return sorted(_HOMES)
