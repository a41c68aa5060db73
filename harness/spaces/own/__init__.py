"""Search spaces of one's own: genes with kinds and conditions, or cells by operations and edges."""
