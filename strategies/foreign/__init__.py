"""Foreign optimisers: ask/tell libraries under the protocol of this program, each library a provider."""

from strategies.foreign.library import Library

OPTUNA = Library(
    "optuna",
    "strategies.foreign.optuna:OptunaSearch",
    ("TPESampler", "GPSampler", "NSGAIISampler", "QMCSampler", "RandomSampler", "BruteForceSampler"),
)
"""Samplers of Optuna."""
PYMOO = Library("pymoo", "strategies.foreign.pymoo:PymooSearch", ("MixedVariableGA",))
"""Algorithms of pymoo that work on categories."""
