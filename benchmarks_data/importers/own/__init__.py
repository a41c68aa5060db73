"""The importer of tables of one's own."""
