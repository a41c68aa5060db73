"""Search by network morphisms."""
