"""Mutual information of codes: dense tables, literal deletion, coverage at independence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from infotheory.functional._contingency import (
    discrete_mutual_information,
    discrete_mutual_information_jackknife,
    discrete_mutual_information_standard_error,
)
from infotheory.functional._counts import METHODS, discrete_entropy, discrete_entropy_jackknife

METHOD = st.sampled_from(METHODS)
SEED = st.integers(0, 10**6)
GIVEN = st.booleans()


def draw(seed: int, n: int = 40, given_third: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, n)
    y = np.where(rng.random(n) < 0.4, x, rng.integers(0, 5, n))
    return {"x": x, "y": y, "condition": rng.integers(0, 3, n) if given_third else None}


def table_of(*columns: np.ndarray) -> np.ndarray:
    table = np.zeros([c.max() + 1 for c in columns], dtype=int)
    np.add.at(table, columns, 1)
    return table.ravel()


def by_dense_tables(
    x: np.ndarray, y: np.ndarray, condition: np.ndarray | None, **options: Any
) -> float:
    given_columns = () if condition is None else (condition,)

    def entropy(*columns: np.ndarray) -> float:
        return float(discrete_entropy(table_of(*columns), **options)) if columns else 0.0

    return (
        entropy(x, *given_columns)
        + entropy(y, *given_columns)
        - entropy(x, y, *given_columns)
        - entropy(*given_columns)
    )


@given(SEED, METHOD, GIVEN)
def test_agrees_with_dense_tables(seed: int, method: str, given_third: bool) -> None:
    data = draw(seed, given_third=given_third)
    value = discrete_mutual_information(**data, method=method)
    assert value == pytest.approx(by_dense_tables(**data, method=method), abs=1e-10)


@given(SEED, GIVEN)
def test_sparse_tables_give_the_same(seed: int, given_third: bool) -> None:
    """Codes of any size: gaps, tables beyond memory, products beyond 64 bits."""
    data = draw(seed, given_third=given_third)
    value = discrete_mutual_information(**data)
    result = discrete_mutual_information_jackknife(**data)
    for step in (1_000, 2**31, 2**40):
        spread = {k: None if c is None else c * step + 5 for k, c in data.items()}
        assert discrete_mutual_information(**spread) == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(
            discrete_mutual_information_jackknife(**spread), result, atol=1e-9
        )
    sizes = (9, 9, 9) if given_third else (9, 9)
    assert discrete_mutual_information(**data, n_symbols=sizes) == value


def test_plugin_is_that_of_scikit_learn() -> None:
    data = draw(5, n=2_000)
    value = discrete_mutual_information(**data, method="plugin")
    assert value == pytest.approx(mutual_info_score(data["x"], data["y"]), abs=1e-12)


@given(SEED, METHOD, GIVEN)
def test_leave_one_out_is_literal_deletion(seed: int, method: str, given_third: bool) -> None:
    data = draw(seed, n=12, given_third=given_third)
    n = 12
    every = np.array(
        [
            discrete_mutual_information(
                **{k: None if c is None else np.delete(c, i) for k, c in data.items()},
                method=method,
            )
            for i in range(n)
        ]
    )
    value = discrete_mutual_information(**data, method=method)
    result = discrete_mutual_information_jackknife(**data, method=method)
    expected = np.sqrt((n - 1) / n * np.sum((every - every.mean()) ** 2))
    tolerance = 1e-6 if method == "nsb" else 1e-10
    assert result.standard_error == pytest.approx(expected, abs=tolerance)
    assert result.bias == pytest.approx((n - 1) * (every.mean() - value), abs=n * tolerance)


@given(SEED, GIVEN)
def test_analytic_standard_error_by_rows(seed: int, given_third: bool) -> None:
    data = draw(seed, given_third=given_third)
    x, y, z = data["x"], data["y"], data["condition"]
    z = np.zeros_like(x) if z is None else z

    def share(*same: np.ndarray) -> np.ndarray:
        return np.mean(np.all([c[:, None] == c for c in same], axis=0), axis=1)

    pointwise = np.log(share(x, y, z) * share(z) / (share(x, z) * share(y, z)))
    error = discrete_mutual_information_standard_error(**data, kind="analytic")
    assert error == pytest.approx(pointwise.std() / math.sqrt(len(x)), abs=1e-12)


@given(SEED, METHOD)
def test_symmetry_and_relabelling(seed: int, method: str) -> None:
    data = draw(seed)
    value = discrete_mutual_information(**data, method=method)
    swapped = discrete_mutual_information(data["y"], data["x"], method=method)
    relabelled = discrete_mutual_information(3 - data["x"], data["y"], method=method)
    assert swapped == pytest.approx(value, abs=1e-12)
    assert relabelled == pytest.approx(value, abs=1e-12)


@given(SEED, METHOD)
def test_a_variable_with_itself_is_its_entropy(seed: int, method: str) -> None:
    x = draw(seed)["x"]
    counts = np.bincount(x)
    value = discrete_mutual_information(x, x, method=method)
    assert value == pytest.approx(discrete_entropy(counts, method=method), abs=1e-12)
    ours = discrete_mutual_information_jackknife(x, x, method=method)
    np.testing.assert_allclose(ours, discrete_entropy_jackknife(counts, method=method), atol=1e-9)


@given(SEED)
def test_chain_rule(seed: int) -> None:
    data = draw(seed, given_third=True)
    x, y, z = data["x"], data["y"], data["condition"]
    both = discrete_mutual_information(x, y * 3 + z)
    parts = discrete_mutual_information(x, z) + discrete_mutual_information(**data)
    assert both == pytest.approx(parts, abs=1e-12)


def test_a_constant_column_tells_nothing() -> None:
    x = draw(1)["x"]
    for method in METHODS:
        value = discrete_mutual_information(x, np.zeros_like(x), method=method)
        # Grassberger's entropy of one category is not quite 0.
        tolerance = 0.02 if method == "grassberger" else 1e-12
        assert value == pytest.approx(0.0, abs=tolerance)


def test_number_of_categories() -> None:
    data = draw(2)
    x, y = data["x"], data["y"]
    for method in ("shrinkage", "dirichlet", "bayes", "nsb"):
        parts = [
            discrete_entropy(table_of(*columns), method=method, n_categories=k, pseudocount=0.5)
            for columns, k in (((x,), 6), ((y,), 7), ((x, y), 42))
        ]
        value = discrete_mutual_information(
            x, y, method=method, n_categories=(6, 7), pseudocount=0.5
        )
        assert value == pytest.approx(parts[0] + parts[1] - parts[2], abs=1e-10)
        alike = discrete_mutual_information(x, y, method=method, n_categories=7)
        assert alike == discrete_mutual_information(x, y, method=method, n_categories=(7, 7))


def test_libraries(xp: Any) -> None:
    data = draw(3, given_third=True)
    expected = discrete_mutual_information(**data)
    errors = discrete_mutual_information_jackknife(**data)
    arrays = {k: xp.asarray(c) for k, c in data.items()}
    value = discrete_mutual_information(**arrays)
    assert value.dtype == xp.float64
    assert value.shape == ()
    assert float(value) == expected
    result = discrete_mutual_information_jackknife(**arrays)
    assert [float(part) for part in result] == list(errors)
    assert xp.float64 == discrete_mutual_information_standard_error(**arrays, kind="analytic").dtype


def test_unknown_names_raise() -> None:
    data = draw(4)
    with pytest.raises(ValueError, match="method must be one of"):
        discrete_mutual_information(**data, method="ml")
    with pytest.raises(ValueError, match="kind must be"):
        discrete_mutual_information_standard_error(**data, kind="bootstrap")


# ---------------------------------------------------------------- statistics, fixed seeds


def independent(n_x: int, n_y: int) -> np.ndarray:
    return np.full((n_x, n_y), 1.0 / (n_x * n_y))


def diagonal(size: int, weight: float) -> np.ndarray:
    return (1.0 - weight) * independent(size, size) + weight * np.eye(size) / size


def truth(law: np.ndarray) -> float:
    ratio = law / (law.sum(axis=1, keepdims=True) * law.sum(axis=0))
    return float(np.sum(law * np.log(np.where(law > 0, ratio, 1.0))))


@pytest.mark.parametrize(
    ("law", "n", "method", "lowest"),
    [
        pytest.param(independent(30, 30), 1_000, "chao-wang-jost", 0.9, marks=pytest.mark.slow),
        (independent(5, 5), 500, "chao-wang-jost", 0.9),
        (independent(2, 2), 200, "chao-wang-jost", 0.9),
        (diagonal(5, 0.4), 500, "chao-wang-jost", 0.9),
        pytest.param(diagonal(30, 0.4), 1_000, "chao-wang-jost", 0.9, marks=pytest.mark.slow),
        (diagonal(5, 0.4), 500, "plugin", 0.9),
        (independent(5, 5), 500, "plugin", 0.9),
        (np.eye(2) / 2, 100, "chao-wang-jost", 0.9),
    ],
    ids=["30x30", "5x5", "2x2", "5x5-dep", "30x30-dep", "plugin-dep", "plugin", "coin-twice"],
)
def test_interval_coverage(law: np.ndarray, n: int, method: str, lowest: float) -> None:
    """Nominal 90 %, over 80 seeds, less three standard errors of the share."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(80):
        x, y = np.divmod(rng.choice(law.size, size=n, p=law.ravel()), law.shape[1])
        value = discrete_mutual_information(x, y, method=method)
        result = discrete_mutual_information_jackknife(x, y, method=method)
        covered += abs(value - result.bias - truth(law)) <= 1.645 * result.interval_error
    assert covered / 80 >= lowest - 3.0 * math.sqrt(lowest * (1.0 - lowest) / 80)


def test_conditional_interval_coverage() -> None:
    """X - Z - Y: dependent, and independent given Z."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(80):
        z = rng.integers(0, 3, 500)
        x, y = (np.where(rng.random(500) < 0.5, z, rng.integers(0, 5, 500)) for _ in range(2))
        value = discrete_mutual_information(x, y, condition=z)
        result = discrete_mutual_information_jackknife(x, y, condition=z)
        covered += abs(value - result.bias) <= 1.645 * result.interval_error
    assert covered / 80 >= 0.9 - 3.0 * math.sqrt(0.09 / 80)


def test_independent_table_is_unbiased() -> None:
    rng = np.random.default_rng(7)
    values = [discrete_mutual_information(*rng.integers(0, 30, (2, 1_000))) for _ in range(60)]
    assert np.mean(values) == pytest.approx(0.0, abs=3.0 * np.std(values) / math.sqrt(60))
