"""Experiments: specs, the units of work that a kind makes of them, and results that are stored and found again."""

KINDS = {
    "search": "harness.experiments.shards:Search",
    "supernet": "harness.experiments.supernets:Supernets",
    "scaling": "harness.experiments.scaling:Scaling",
}
"""Where each kind of work is, by the name that a spec uses; see `harness.experiments.kind`."""
