"""What a folder was handed on to, ONNX or CTranslate2 say, asked what fairseq was asked."""

from toolkit.handoff.example import Example, Runner

__all__ = ["Example", "Runner"]
