"""`--hypothesis-profile=fuzz` gives the structural tests of this folder a large budget."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
