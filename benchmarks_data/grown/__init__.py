"""Growing tables: finished trainings of one task, kept as they come and shared by whoever asks for them."""

from benchmarks_data.grown.rows import Rows, joined
from benchmarks_data.grown.table import Grown

__all__ = ["Grown", "Rows", "joined"]
