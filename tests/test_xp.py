"""Array conversion and special functions; and what importing the package costs."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import array_api_compat
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from infotheory._xp import (
    array_namespace,
    as_float,
    detached_numpy,
    digamma,
    gammaln,
    like,
    logsumexp,
    safe_log,
    xlogy,
)

# Conversion


def test_namespace_is_that_of_the_arrays(xp: Any) -> None:
    x = xp.asarray([1.0, 2.0], dtype=xp.float64)
    expected = array_api_compat.array_namespace(x)
    assert array_namespace(x) is expected
    assert array_namespace(x, 2.0, None, True, np.float64(1.0)) is expected


def test_namespace_of_a_numpy_scalar() -> None:
    """np.float64 is a Python float too, and is what a NumPy sum returns."""
    for scalar in (np.float64(1.0), np.float32(1.0), np.int64(1)):
        assert array_namespace(scalar) is array_api_compat.array_namespace(np.ones(1))


def test_namespaces_do_not_mix() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="Multiple namespaces"):
        array_namespace(np.ones(1), torch.ones(1))
    with pytest.raises(TypeError):
        array_namespace(1.0)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
def test_there_and_back(xp: Any, dtype: str) -> None:
    x = xp.asarray([0, 1, 1], dtype=getattr(xp, dtype))
    values = detached_numpy(x)
    assert type(values) is np.ndarray
    assert values.dtype == dtype
    back = like(values, x)
    assert isinstance(back, type(x))
    assert back.dtype == x.dtype
    assert array_api_compat.device(back) == array_api_compat.device(x)
    assert like(0.5, x).dtype == xp.float64


def test_detached_from_the_graph() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert detached_numpy(2 * x).tolist() == [2.0, 4.0]
    assert not like(detached_numpy(x), x).requires_grad


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "float32"), ("float64", "float64"), ("int32", "float64"), ("bool", "float64")],
)
def test_as_float(xp: Any, dtype: str, expected: str) -> None:
    x = xp.asarray([0, 1], dtype=getattr(xp, dtype))
    converted = as_float(x)
    assert converted.dtype == getattr(xp, expected)
    assert (converted is x) == (dtype == expected)


# Special functions

GRID = [1e-3, 0.5, 1.0, 2.5, 30.0, 1e6]


@pytest.mark.parametrize(
    ("f", "reference"),
    [
        (digamma, scipy.special.digamma),
        (gammaln, scipy.special.gammaln),
        (safe_log, np.log),
        (lambda x: xlogy(x, x), lambda x: scipy.special.xlogy(x, x)),
    ],
    ids=["digamma", "gammaln", "safe_log", "xlogy"],
)
def test_values(xp: Any, f: Callable[..., Any], reference: Callable[..., Any]) -> None:
    x = xp.asarray(GRID, dtype=xp.float64)
    assert isinstance(f(x), type(x))
    np.testing.assert_allclose(np.asarray(f(x)), reference(GRID), rtol=1e-13, atol=1e-15)
    assert f(xp.asarray(GRID, dtype=xp.float32)).dtype == xp.float32
    integers = f(xp.asarray([1, 2, 7]))
    assert integers.dtype == xp.float64
    np.testing.assert_allclose(np.asarray(integers), reference([1.0, 2.0, 7.0]), rtol=1e-13)
    assert f(xp.asarray(2.5, dtype=xp.float64)).shape == ()
    assert float(f(np.float64(2.5))) == pytest.approx(float(reference(2.5)), rel=1e-13)


def test_logs_at_zero_and_nan(xp: Any) -> None:
    x = xp.asarray([0.0, 1.0, float("nan")], dtype=xp.float64)
    np.testing.assert_array_equal(np.asarray(safe_log(x)), [-np.inf, 0.0, np.nan])
    first = xp.asarray([0.0, 0.0, 2.0, np.nan, 2.0], dtype=xp.float64)
    second = xp.asarray([0.0, 3.0, 0.0, 1.0, np.nan], dtype=xp.float64)
    expected = [0.0, 0.0, -np.inf, np.nan, np.nan]
    np.testing.assert_array_equal(np.asarray(xlogy(first, second)), expected)


def test_the_log_of_a_negative_number_is_no_number() -> None:
    for f in (safe_log, lambda x: xlogy(np.array([1.0]), x)):
        with pytest.warns(RuntimeWarning, match="invalid value"):
            assert np.isnan(f(np.array([-1.0]))).all()


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, 0, 1, 2, (0, 2), (-1, -2)]),
    st.sampled_from([1.0, 1e3, 1e300]),
)
def test_logsumexp_is_scipys(xp: Any, seed: int, axis: Any, scale: float) -> None:
    rng = np.random.default_rng(seed)
    values = scale * rng.standard_normal((2, 3, 4))
    values[rng.random((2, 3, 4)) < 0.3] = -np.inf
    actual = logsumexp(xp.asarray(values, dtype=xp.float64), axis=axis)
    expected = scipy.special.logsumexp(values, axis=axis)
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-13)


def test_logsumexp_at_the_edges(xp: Any) -> None:
    inf, nan = np.inf, np.nan
    rows = xp.asarray([[-inf, -inf], [inf, 0.0], [nan, 0.0], [-inf, 2.0]], dtype=xp.float64)
    np.testing.assert_array_equal(np.asarray(logsumexp(rows, axis=-1)), [-inf, inf, nan, 2.0])
    assert float(logsumexp(xp.asarray(3.0, dtype=xp.float64))) == 3.0
    assert logsumexp(xp.asarray([1.0], dtype=xp.float32)).dtype == xp.float32
    assert float(logsumexp(xp.asarray([0, 0]))) == pytest.approx(np.log(2), rel=1e-15)


# Gradients: at each of these points the plain formula has the gradient nan


def gradients(f: Callable[..., Any], *values: Any) -> list[list[float]]:
    torch = pytest.importorskip("torch")
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    f(*leaves).sum().backward()
    return [leaf.grad.tolist() for leaf in leaves]


def test_gradients_of_logs_at_zero() -> None:
    assert gradients(safe_log, [0.0, 0.5]) == [[0.0, 2.0]]
    (own,) = gradients(lambda p: xlogy(p, p), [0.0, 0.5])
    assert own == [0.0, pytest.approx(1 + np.log(0.5))]
    in_x, in_y = gradients(xlogy, [0.0, 0.0, 2.0, 2.0], [0.0, 3.0, 0.0, 4.0])
    assert in_x == [0.0, 0.0, 0.0, pytest.approx(np.log(4))]
    assert in_y == [0.0, 0.0, 0.0, 0.5]


def test_gradients_of_logsumexp_with_empty_rows() -> None:
    inf = np.inf
    (rows,) = gradients(lambda x: logsumexp(x, axis=-1), [[-inf, -inf], [0.0, -inf], [1.0, 1.0]])
    assert rows == [[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]]
    (infinite,) = gradients(lambda x: logsumexp(x, axis=-1), [[inf, 0.0], [1.0, 1.0]])
    assert infinite == [[0.0, 0.0], [0.5, 0.5]]
    (huge,) = gradients(logsumexp, [1e308, 1e308, -1e308])
    assert huge == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("f", [digamma, gammaln, safe_log, logsumexp], ids=lambda f: f.__name__)
def test_gradcheck(f: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor([0.3, 1.0, 4.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(f, x)
    assert torch.autograd.gradcheck(lambda t: xlogy(t, t + 1), x)


# Importing


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_the_standard_library_only() -> None:
    loaded = run(
        "import sys; before = set(sys.modules)\n"
        "import infotheory\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    assert set(loaded.split()) <= {"infotheory", *sys.stdlib_module_names}


def test_import_is_quick() -> None:
    code = "import time; t = time.perf_counter(); import infotheory; print(time.perf_counter() - t)"
    assert statistics.median(float(run(code)) for _ in range(5)) < 0.1


WITHOUT_TORCH = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "ot", "jax", "matplotlib", "pandas"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def test_every_public_name_is_there_without_the_optional_packages() -> None:
    """The import star, and hasattr, which hides no error but AttributeError."""
    missing = run(
        WITHOUT_TORCH
        + "import infotheory\n"
        + "print(*(name for name in infotheory.__all__ if not hasattr(infotheory, name)))\n"
        + "from infotheory import *\n"
        + "assert set(infotheory.__all__) <= set(globals())\n"
    )
    assert not missing.split()


def test_the_package_does_not_load_the_optional_packages() -> None:
    """Where they are installed too: importing them takes seconds."""
    loaded = run(
        "import sys\n"
        "import infotheory.functional\n"
        "assert not {'sklearn', 'pandas'} & set(sys.modules)\n"
        "from infotheory import *\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    # Not pandas: scikit-learn loads it where it is installed.
    assert not {"torch", "ot", "jax", "matplotlib"} & set(loaded.split())
