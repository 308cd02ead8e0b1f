"""Sphinx configuration. The build and the pages need no network."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

import infotheory

matplotlib.use("Agg")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "infotheory"
author = "infotheory developers"
copyright = "infotheory developers"  # noqa: A001
version = release = infotheory.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "benchmark_table",
    "mathml",
]
html_math_renderer = "mathml"
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = False

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings state types and shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "GL03",  # blank lines
    "GL05",  # tabs
    "GL06",  # unknown section
    "GL07",  # order of sections
    "GL08",  # no docstring
    "GL10",  # malformed directive
    "PR01",  # undocumented parameter
    "PR02",  # unknown parameter
    "PR10",  # space before the colon
    "SS01",  # no summary
    "SS03",  # summary without a period
    "SS04",  # summary with white space
}

numpydoc_validation_exclude = {
    # Members of the distributions and laws: all have the same few methods, whose arguments
    # are explained once, in the interfaces.
    r"infotheory\.datasets\.\w+\.\w+$",
    r"\.(Distribution|DivisibleDistribution|JointLaw|Transform)$",
    # Modules: batches are x, y or P, Q throughout, and the class says their shapes.
    r"infotheory\.nn\.\w+\.\w+$",
    # Rows X and y throughout, whose shapes the classes say.
    r"functional\.(LightBridge|LowRankPlan)\.\w+$",
    # Tuples with names: the fields are described as attributes.
    r"\.(ExactPlan|Jackknife|MatrixEntropyApproximation|SemiDiscretePotential)",
    r"\.CheckResult",
    r"\.InformationCheck",
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r".*\.py",
    "within_subsection_order": "gallery_order.QuickstartFirst",
    "abort_on_example_error": True,
    "copyfile_regex": r".*\.rst",
    "doc_module": "infotheory",
    "reference_url": {"infotheory": None},
    "remove_config_comments": True,
    "capture_repr": (),
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "plot_gallery": "True",
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "infotheory"
html_static_path = ["_static"]
html_css_files = ["infotheory.css"]
html_show_sourcelink = False
# Pages without pages below them have nothing to show in a side bar.
html_sidebars = {
    page: []
    for page in (
        "choosing",
        "uncertainty",
        "neural",
        "losses",
        "transport",
        "information_plane",
        "extending",
        "benchmarks",
        "changelog",
    )
}
html_copy_source = False
html_theme_options = {
    "show_prev_next": False,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def _skip_what_is_said(app, what, name, obj, skip, options):
    """Leave out members that say nothing new.

    These are set_fit_request and the like, which scikit-learn adds to every class, and properties
    of fitted estimators: the class describes them as attributes, and of two classes that document
    a ``critic_`` of their own, a third that inherits one could link to either.
    """
    request = name.startswith("set_") and name.endswith("_request")
    return skip or request or (isinstance(obj, property) and name.endswith("_"))


def setup(app):
    app.connect("autodoc-skip-member", _skip_what_is_said)
