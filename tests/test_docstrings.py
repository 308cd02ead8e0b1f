"""Every public name says what it takes, gives, costs and where it comes from, with an example."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

PUBLIC_MODULES = ["", "datasets", "functional", "plotting", "testing"]
if find_spec("torch") is not None:
    PUBLIC_MODULES.append("nn")
# Constants, modules and a fixture; they have no docstring of that form.
NOT_DOCUMENTED = {"__version__", "datasets", "functional", "COUNT_METHODS", "BANDWIDTH_RULES", "xp"}

# Interfaces: members and a sentence; nothing is computed.
PROTOCOLS = {"Distribution", "DivisibleDistribution", "JointLaw", "Transform"}
# Bundles of results: their fields are the documentation, the maker has the rest.
RECORDS = {
    "Estimate",
    "TransportEstimate",
    "MutualInformationMatrix",
    "Jackknife",
    "InformationPlanePoint",
    "CheckResult",
    "InformationCheck",
}

# Nothing is estimated or evaluated, so that there is no source to name.
WITHOUT_SOURCE = {
    "two_samples": "stacks two tables",
    "EstimateDisplay": "draws",
    "MutualInformationMatrixDisplay": "draws",
}

SOURCE = re.compile(r"doi:10\.|arXiv:|(page|pages|chapter|section) \d")


def sections_of(thing):
    """Sections of a numpydoc docstring by heading; what comes first is "Summary"."""
    lines = inspect.getdoc(thing).splitlines()
    headings = [i for i in range(len(lines) - 1) if lines[i + 1] and not lines[i + 1].strip("-")]
    starts = [-2, *headings]
    ends = [*headings, len(lines)]
    return {
        lines[start] if start >= 0 else "Summary": "\n".join(lines[start + 2 : end]).strip()
        for start, end in zip(starts, ends, strict=True)
    }


def fields_of(section):
    """Names before the colon of each entry: ``a, b : type`` holds two."""
    entries = [line.split(" : ")[0] for line in section.splitlines() if line[:1].strip()]
    return {name.strip("* ") for entry in entries for name in entry.split(",")}


@functools.cache
def read(path, name):
    thing = getattr(importlib.import_module(path), name)
    return thing, sections_of(thing)


@functools.cache
def parameters_of(thing):
    parameters = inspect.signature(thing).parameters.values()
    return {p.name for p in parameters if p.name not in ("self", "args", "kwargs")}


def public_names():
    for module_name in PUBLIC_MODULES:
        path = f"infotheory.{module_name}".rstrip(".")
        for name in importlib.import_module(path).__all__:
            if name not in NOT_DOCUMENTED:
                yield path, name


def each_public(applies=lambda path, name: True):
    chosen = [
        pytest.param(path, name, id=f"{path}.{name}")
        for path, name in public_names()
        if applies(path, name)
    ]
    return pytest.mark.parametrize(("path", "name"), chosen)


def is_called(path, name):
    """Takes arguments and does something with them."""
    return name not in PROTOCOLS | RECORDS


def has_a_result(path, name):
    thing, _ = read(path, name)
    return is_called(path, name) and not (inspect.isclass(thing) and not parameters_of(thing))


def is_shown(path, name):
    """Can be made by a user, or comes out of a function at the door."""
    return name not in PROTOCOLS and not (name in RECORDS and path != "infotheory")


def is_computed(path, name):
    # Exact answers and checks of estimators are left out: their own tests are the proof.
    return is_called(path, name) and path not in ("infotheory.testing", "infotheory.datasets")


def is_class(path, name):
    return inspect.isclass(read(path, name)[0])


@each_public()
def test_summary_is_one_sentence(path, name):
    _, sections = read(path, name)
    summary = sections["Summary"].split("\n\n")[0]
    assert summary.endswith("."), summary


@each_public(is_called)
def test_every_parameter_is_described(path, name):
    thing, sections = read(path, name)
    assert parameters_of(thing) <= fields_of(sections.get("Parameters", ""))


@each_public(has_a_result)
def test_what_comes_out_is_described(path, name):
    thing, sections = read(path, name)
    wanted = {"Attributes", "Parameters"} if inspect.isclass(thing) else {"Returns", "Yields"}
    assert wanted & set(sections), f"none of {wanted}"


@each_public(is_shown)
def test_there_is_an_example(path, name):
    _, sections = read(path, name)
    assert ">>>" in sections.get("Examples", "")


@each_public(is_computed)
def test_cost_and_source_are_named(path, name):
    thing, _ = read(path, name)
    text = inspect.getdoc(thing)
    assert "omplexity" in text or "O(" in text, "nothing about the complexity"
    if name not in WITHOUT_SOURCE:
        assert SOURCE.search(text), "no DOI, arXiv number or printed source"


@each_public()
def test_the_reference_lists_it(path, name):
    pages = Path(__file__).parents[1] / "docs" / "api"
    texts = [page.read_text(encoding="utf-8") for page in pages.glob("*.rst")]
    lines = [t.split() for t in texts if f".. currentmodule:: {path}\n" in t]
    assert any(name in words for words in lines), f"docs/api has no line for {path}.{name}"


@each_public(is_class)
def test_public_methods_have_docstrings(path, name):
    thing, _ = read(path, name)
    own = [
        member
        for key, member in vars(thing).items()
        if not key.startswith("_") and inspect.isfunction(member)
    ]
    assert not [member.__name__ for member in own if not inspect.getdoc(member)]


def is_trained(path, name):
    thing, _ = read(path, name)
    return path == "infotheory" and "learning_rate_init" in parameters_of(thing)


@each_public(is_trained)
def test_networks_say_when_they_raise_and_what_a_value_can_be(path, name):
    _, sections = read(path, name)
    raised = {"RuntimeError", "ImportError", "ValueError"}
    assert raised <= fields_of(sections.get("Raises", "")), "what fit raises"
    assert "ceiling" in sections["Notes"], "the largest value that there can be, or none"


def test_there_are_networks_to_look_at():
    found = [name for path, name in public_names() if is_trained(path, name)]
    assert len(found) >= 17
