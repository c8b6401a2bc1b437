"""How many examples a property is tried on: EVALKIT_PROFILE names the profile.

The default is small and draws the same examples in each run; `.ci/run` takes "gate" for the runs
after the first, and `scripts/properties` takes "long", which draws new ones.
"""

import os

from hypothesis import settings

EXAMPLES = {"default": 12, "gate": 20, "full": 100, "long": 10_000, "mutation": 15}
PROFILE = os.environ.get("EVALKIT_PROFILE", "default")


def examples(count):
    """A test's own number of examples under "full", fewer or more under the other profiles."""
    return max(5, count * EXAMPLES[PROFILE] // EXAMPLES["full"])


for name, count in EXAMPLES.items():
    settings.register_profile(
        f"evalkit-{name}",
        max_examples=count,
        deadline=None,
        derandomize=name != "long",
        **({} if name == "long" else {"database": None}),
    )
settings.load_profile(f"evalkit-{PROFILE}")
