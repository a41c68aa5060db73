"""Device columns: measured on this machine, and additive look-up tables that are fitted to a few measured cells."""
