"""Settings of the site: what Sphinx reads; nothing is fetched, neither here nor by a reader's browser."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import harness

project = "nas-harness"
release = version = harness.__version__
copyright = "the nas-harness authors"
language = "en"

extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_nb", "docs.house", "docs.spaces"]
exclude_patterns = ["_build", "rooms/*", "generated/map.md", "**.ipynb_checkpoints"]
default_role = "py:obj"
# A short name in an annotation that two rooms have links to the first of them.
suppress_warnings = ["ref.python"]

autodoc_default_options = {"member-order": "bysource", "show-inheritance": True}
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("Archs", "FloatArray", "IntArray", "BoolArray")}
python_use_unqualified_type_names = True
numpydoc_show_class_members = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "nas-harness"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {
    "navigation_depth": 2,
    "collapse_navigation": True,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": ["sphinx-version"],
}
