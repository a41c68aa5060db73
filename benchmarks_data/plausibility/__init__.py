"""Plausibility of numbers for what is said of them: pure functions on arrays, asked at an import and by the audit."""
