"""The schema of a spec file: which keys exist and of which type; the rules on values stand with the dataclasses."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BudgetModel(_Model):
    """The table ``[budget]``."""

    evaluations: int | None = None
    seconds: float | None = None
    duplicates: str = "charged"
    multi_fidelity: str = "from_scratch"
    table_seed: str = "one_draw_per_arch"


class StrategyModel(_Model):
    """One table ``[[strategies]]``."""

    name: str
    label: str | None = None
    hyperparameters: dict[str, Any] = {}
    surrogate: dict[str, Any] | None = None


class ReportModel(_Model):
    """The table ``[report]``."""

    centre: str = "median"
    checkpoints: list[float] = []


class SpecModel(_Model):
    """A whole spec."""

    name: str
    benchmarks: list[str]
    strategies: list[StrategyModel]
    budget: BudgetModel
    replicates: int = 50
    replicates_per_shard: int = Field(25, validation_alias=AliasChoices("replicates_per_shard", "replicates_per_cell"))
    n_workers: int = 1
    seed: int = 0
    objectives: list[str] | None = None
    constraints: list[str] = []
    report: ReportModel = ReportModel()


TABLES: dict[str, type[_Model]] = {"budget": BudgetModel, "strategies": StrategyModel, "report": ReportModel}
"""The model of each table of the spec, by key."""
