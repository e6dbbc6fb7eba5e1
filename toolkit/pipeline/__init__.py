"""The only place where the layers are put together."""

from toolkit.pipeline.conversion import convert
from toolkit.pipeline.difference import diff
from toolkit.pipeline.inspection import inspect
from toolkit.pipeline.verification import verify

__all__ = ["convert", "diff", "inspect", "verify"]
