"""The judgement of searches: pure functions of a trace, written once for reports and verification."""
