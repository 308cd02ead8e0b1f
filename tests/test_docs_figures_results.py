"""Figures that pages and docstrings quote from benchmarks are those of ``benchmarks/results``."""

from __future__ import annotations

import csv
import inspect
from pathlib import Path

import pytest

import infotheory
from infotheory.datasets import random_mixture_pair

ROOT = Path(__file__).parents[1]


def page(name):
    return " ".join((ROOT / "docs" / f"{name}.rst").read_text(encoding="utf-8").split())


def docstring(thing):
    return " ".join((inspect.getdoc(thing) or "").split())


def rows(name, **where):
    """Rows of a table of results with these cells, at least one."""
    with (ROOT / "benchmarks" / "results" / f"{name}.csv").open(newline="", encoding="utf-8") as f:
        found = [r for r in csv.DictReader(f) if all(r[k] == str(v) for k, v in where.items())]
    assert found, (name, where)
    return found


def figures(name, column, **where):
    return [float(row[column]) for row in rows(name, **where)]


def rounded(values, digits=0):
    return [round(value, digits) for value in values]


def test_von_neumann_entropy_of_a_representation():
    text = docstring(infotheory.VonNeumannEntropy)
    assert "90 % intervals at 5 to 100 rows a column .855 to .905 covered" in text
    assert "of unequal variance, and .9 to 1 for equal ones" in text
    of = [(r["law"], float(r["coverage"])) for r in spectral("VonNeumannEntropy()")]
    unequal = [coverage for law, coverage in of if "falling" in law]
    equal = [coverage for law, coverage in of if "falling" not in law]
    assert (min(unequal), max(unequal)) == (0.855, 0.905)
    assert (min(equal), max(equal)) == (0.9, 1.0)
    assert "did in .855 to .905 where columns differ in variance" in page("spectral")


def spectral(start):
    return [r for r in rows("spectral_coverage") if r["estimator"].startswith(start)]


def test_matrix_entropies():
    text, said = docstring(infotheory.MatrixEntropy), page("spectral")
    of = [(r["estimator"], r["rows"], float(r["coverage"])) for r in spectral("MatrixEntropy")]
    for n, least, most in (("300", 0.85, 0.925), ("100", 0.805, 0.88)):
        found = [c for name, rows, c in of if rows == n and "alpha=0.5" not in name]
        assert (min(found), max(found)) == (least, most)
    assert ".85 to .925 covered at n = 300 for alpha from 1 to 2, and .805 to .88 at n" in text
    assert "for 90 % at n = 300, .85 to .925 covered the entropy for orders from 1 to 2" in said
    half = [c for name, _, c in of if "alpha=0.5" in name]
    assert (min(half), max(half)) == (0.64, 0.86)
    assert ".64 to .86" in text
    assert ".64 to .86 did" in said
    information = spectral("MatrixMutualInformation")
    least = min(float(r["coverage"]) for r in information if r["rows"] == "300")
    assert least == 0.865
    assert ".865 or more the information of normal pairs" in said


def of_transport(what):
    (row,) = rows("transport_coverage", what=f"Sinkhorn value: {what}")
    return row


def test_the_value_of_a_plan():
    text, said = docstring(infotheory.Sinkhorn), page("uncertainty")
    few = [
        float(r["measured"])
        for r in rows("transport_coverage", figure="coverage of the 90 % interval")
        if r["what"].startswith("Sinkhorn value")
        and r["what"][16] in "123"
        and r["what"][17] == "-"
    ]
    assert (min(few), max(few)) == (0.87, 0.935)
    assert "covered .87 to .935 in 1 to 3 columns" in text
    five, ten, uneven, wide = (
        of_transport(f"{law}, epsilon {share} of the spread")
        for law, share in (
            ("5-d normals, n 300 and 300", 0.1),
            ("10-d normals, n 300 and 300", 0.1),
            ("10-d normals, n 600 and 300", 0.1),
            ("10-d normals, n 300 and 300", 1),
        )
    )
    assert [r["measured"] for r in (five, ten, uneven, wide)] == [
        "0.960",
        "0.960",
        "0.835",
        "0.895",
    ]
    assert "in 5 and 10 columns, .96 (.835 with 600 rows and 300 in 10)" in text
    assert ".960 and .835 of the intervals hold" in said
    assert "a larger epsilon helps (.895 at ten times the default)" in said
    bias, left, sd = (float(ten[k]) for k in ("bias of the value", "bias of the centre", "sd"))
    assert bias / sd == pytest.approx(7, abs=0.5)
    assert bias / left == pytest.approx(7, abs=0.6)
    ratio = float(uneven["bias of the value"]) / float(uneven["bias of the centre"])
    assert ratio == pytest.approx(3, abs=0.6)
    assert "it is seven times the spread, and a seventh of it is left (a third with" in said


def test_intervals_and_tests_of_other_estimators():
    said = page("uncertainty")
    coverage = {r["what"]: float(r["measured"]) for r in rows("coverage")}
    assert "interval covers .86 instead of .9 for p proportional to 1/i" in said
    found = coverage["DiscreteEntropy: 1000 categories, p ~ 1/i, n 200"]
    assert found == pytest.approx(0.86, abs=0.006)
    flat = [
        v
        for k, v in coverage.items()
        if "uniform" in k or (k.startswith("GaussianM") and "0.0" in k)
    ]
    assert (min(flat), max(flat)) == (0.96, 1.0)
    assert "(they cover .96 to 1)" in said
    tests = [v for k, v in coverage.items() if k.startswith("conditional independence")]
    assert (round(min(tests), 2), round(max(tests), 2)) == (0.05, 0.07)
    assert "at level .05 is 5 to 7 % with smooth conditions" in said
    text = docstring(infotheory.conditional_mutual_information)
    assert "it rejected 5 to 7 % of true hypotheses with conditions of 1 and 4 columns" in text


def test_streams():
    text = docstring(infotheory.SequentialIndependenceTest)
    default = {"payoff": "symmetry", "strategy": "mixture"}
    null = [
        float(r["share rejected"])
        for r in rows("sequential", **default, streams=1000)
        if r["law"].startswith("independent")
    ]
    assert len(null) == 5
    assert (round(min(null), 2), round(max(null), 2)) == (0.03, 0.05)
    assert "without dependence 3 to 5 % were rejected at alpha = .05, in each of five laws" in text
    strong = {"law": "correlation .7", "strategy": "mixture"}
    pairs = [
        figures("sequential", "median pairs", payoff=p, **strong) for p in ("symmetry", "hsic")
    ]
    assert pairs == [[52], [90]]
    assert "after 52 pairs in the median with the default payoff, and after 90 with" in text
    assert "at a correlation of .7 it takes 52 pairs in the median" in page("uncertainty")


def errors_of(method, dim, epsilon):
    return figures("mixtures", "cBW2-UVP (%)", method=method, dim=dim, epsilon=epsilon)


def test_learnt_plans():
    text = docstring(infotheory.SinkhornBridge)
    plain, cured = "SinkhornBridge(effective_rows=1)", "SinkhornBridge"
    assert rounded(errors_of(plain, 16, 0.1) + errors_of(cured, 16, 0.1)) == [27, 10]
    assert "the unexplained variance of the plan fell from 27 to 10 %" in text
    for method, expected, digits in (
        (cured, [40, 64], 0),
        ("one normal law", [13, 10], 0),
        ("LightSB", [0.3, 0.5], 1),
    ):
        found = errors_of(method, 64, 0.1) + errors_of(method, 128, 0.1)
        assert rounded(found, digits) == expected
    assert "it was 40 and 64 %, where one normal law had 13 and 10 %, LightSB 0.3 and 0.5 %" in text
    text = docstring(random_mixture_pair)
    for dim, expected, words in (
        (2, [23, 24, 1.4], "of 23, 24 and 1.4 % at d = 2 (epsilon 0.1, 1 and 10)"),
        (16, [25, 45, 3.2], "25, 45 and 3.2 % at d = 16"),
        (64, [13, 38, 3.3], "13, 38 and 3.3 % at d = 64"),
    ):
        found = [errors_of("one normal law", dim, e)[0] for e in (0.1, 1.0, 10.0)]
        assert [*rounded(found[:2]), round(found[2], 1)] == expected
        assert words in text
    text = docstring(infotheory.EgEOT)
    own = {"estimator": "EgEOT", "epsilon": 1.0}
    found = [figures("neural_transport", "cBW2-UVP", dim=d, **own)[0] for d in (2, 16)]
    normal = [figures("neural_transport", "one normal plan", dim=d, **own)[0] for d in (2, 16)]
    assert (rounded(found, 1), rounded(normal)) == ([1.2, 0.7], [27, 46])
    assert (
        "a cBW2-UVP of 1.2 % in 2 columns and 0.7 % in 16, where one normal plan has 27 and" in text
    )


def sparse(column, **where):
    return figures("sparse_map", column, **where)


def test_shares_of_the_spread_for_sparse_maps():
    text = docstring(infotheory.SparseMonge)
    one = {"law": "one shifted", "default": "yes", "regulariser": "l1"}
    moved = [sparse("moved that should stay", columns=d, **one)[0] for d in (2, 5, 20, 40)]
    assert moved == [0.08, 0.17, 0.4, 0.46]
    assert "default .08, .17, .4 and .46 of such coordinates still move in 2, 5, 20 and 40" in text
    errors = [sparse("error of the map", columns=d, **one)[0] for d in (2, 5, 20, 40)]
    assert [round(e, 1 if e > 0.1 else 2) for e in errors] == [0.01, 0.04, 0.5, 1.6]
    assert "is .01, .04, .5 and 1.6 of that of no map at all" in text
    assert "with a tenth seven or eight in ten coordinates moved that should not" in text
    for regulariser in ("l1", "stvs"):
        for law in ("one shifted", "two shifted and doubled"):
            of = {"regulariser": regulariser, "law": law}
            for d, least, most in ((2, 0.05, 0.15), (5, 0.2, 0.3), (20, 0.4, 0.5), (40, 0.5, 0.5)):
                found = rows("sparse_map", columns=d, **of)
                best = min(found, key=lambda r: float(r["error of the map"]))
                assert least <= float(best["epsilon over the spread"]) <= most
            for d in (20, 40):
                at = {"columns": d, "epsilon over the spread": "0.100", **of}
                assert 0.7 <= sparse("moved that should stay", **at)[0] <= 0.82
    few = {"regulariser": "k-overlap", "columns": 5}
    tenth = sparse("error of the map", **few, **{"epsilon over the spread": "0.100"})
    for law, error in zip(("one shifted", "two shifted and doubled"), tenth, strict=True):
        assert error <= 1.15 * min(sparse("error of the map", law=law, **few))
    many = {"regulariser": "k-overlap", "columns": 20}
    assert min(sparse("error of the map", **many)) > 1
    assert "it leaves a map that is worse than none at that strength, at any share" in text


def test_regressors_through_a_bottleneck():
    said = page("bottleneck")
    for data, method, difference, error, words in (
        ("diabetes", "variational", 0.1, 0.9, "behind by 0.1 (with a standard error of 0.9)"),
        ("diabetes", "Cauchy-Schwarz", 0.7, 0.6, "the Cauchy-Schwarz one by 0.7 (0.6)"),
        ("friedman1", "variational", -0.09, 0.06, "ahead by 0.09 (0.06), on four seeds of five"),
        ("friedman1", "Cauchy-Schwarz", 0.04, 0.03, "one behind by 0.04 (0.03)"),
        ("diabetes", "Cauchy-Schwarz, no price", 1.2, 0.3, "costs 1.2 (0.3) on diabetes"),
    ):
        (row,) = rows("bottleneck", data=data, method=method)
        digits = 1 if data == "diabetes" else 2
        assert round(float(row["difference to plain"]), digits) == difference
        assert round(float(row["its standard error"]), digits) == error
        assert words in said
    better = rows("bottleneck", data="friedman1", method="variational")[0]["seeds better"]
    assert better == "4"
    (plain,) = figures("bottleneck", "test RMSE", data="diabetes", method="plain network")
    assert round(plain) == 56
