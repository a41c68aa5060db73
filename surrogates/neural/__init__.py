"""Neural learners."""
