"""Zero-cost scores of a table's networks, computed here, as columns."""
