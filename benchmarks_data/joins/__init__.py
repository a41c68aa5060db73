"""Joins: one table from several sources, matched by canonical architecture, conflicts reported."""
