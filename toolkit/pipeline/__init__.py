"""The only place where the layers are put together."""

from toolkit.pipeline.conversion import convert
from toolkit.pipeline.inspection import inspect
from toolkit.pipeline.verification import verify

__all__ = ["convert", "inspect", "verify"]
