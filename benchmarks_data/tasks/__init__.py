"""Tasks of one's own as benchmarks: classes in a user's files, trained when a search proposes something."""

from benchmarks_data.tasks.benchmark import open_benchmark
from benchmarks_data.tasks.oracle import describe, open_oracle

__all__ = ["describe", "open_benchmark", "open_oracle"]
