"""The only place where the layers are put together."""

from toolkit.pipeline.convert import convert
from toolkit.pipeline.inspect import inspect
from toolkit.pipeline.verify import verify

__all__ = ["convert", "inspect", "verify"]
