"""Checkpoints like the golden one, as families have them."""

from tests.families.conftest import golden_tensors, gone, plan_of, task_of, variant

__all__ = ["golden_tensors", "gone", "plan_of", "task_of", "variant"]
