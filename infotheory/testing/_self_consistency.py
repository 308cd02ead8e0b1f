"""Three laws that every estimator of mutual information should obey on images."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from numbers import Integral, Real
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from infotheory._base import DivergenceEstimator, EntropyEstimator, last_step
from infotheory._interrupts import Watch
from infotheory._resampling import local_random_state
from infotheory._validation import check_count

from ._global_state import global_state_restored
from ._self_consistency_data import N_PIXELS, SIDE, NoisyImages, Rows, digits, gaussian_images
from ._self_consistency_report import SelfConsistencyLaw, SelfConsistencyReport

_DATA = ("digits", "gaussian")
_DUPLICATES = ("drop", "keep")
_N_GAUSSIAN = 10_000
_COPIES = {"digits": 5, "gaussian": 1}
_FEWEST_IMAGES = 20

_PROCESSING_RANGE = (0.95, 1.05)
_ADDITIVITY_RANGE = (1.9, 2.1)
# Nats below which a ratio is mostly noise.
_LEAST_INFORMATION = 0.2
# What the baseline may fall by from one step to the next, or be at no rows at all: this many
# standard errors, or this share of the full image, whichever is more.
_ERRORS_ALLOWED = 2.0
_FALL_ALLOWED = 0.02
_NOTHING_ALLOWED = 0.05

BASELINE, PROCESSING, ADDITIVITY = "baseline", "data processing", "additivity"


def self_consistency(
    estimator: Any,
    *,
    data: str = "digits",
    n_rows: Sequence[int] = (0, 2, 4, 6, 8),
    noise: float = 0.5,
    n_components: int | None = 16,
    duplicates: str = "drop",
    n_copies: int | None = None,
    n_samples: int | None = None,
    n_jobs: int | None = None,
    random_state: Any = 0,
    verbose: int = 0,
) -> SelfConsistencyReport:
    r"""Test three laws of mutual information on images, for any estimator of it.

    A is an 8 x 8 image with noise, :math:`B_r` its top r rows with other noise. The laws are

    - baseline: :math:`I(A; B_r)` is zero at r = 0 and never falls as r grows;
    - data processing: :math:`I([A, A]; [B_r, h(B_r)]) = I(A; B_r)`, where h keeps r - 1 rows;
    - additivity: :math:`I([A_1, A_2]; [B_{r,1}, B_{r,2}]) = 2 I(A; B_r)` for two unrelated images.

    No truth is needed for them, so that they can be tried where none is known.

    Parameters
    ----------
    estimator : estimator
        Anything with ``fit(X, y)`` that leaves ``mutual_information_``: of this package, of
        another, or a pipeline that ends in one. It is cloned for every fit, never changed. An
        entropy estimator goes into :class:`infotheory.EntropySum` first.
    data : {"digits", "gaussian"}
        "digits": the 1 797 handwritten digits of scikit-learn, pixels from 0 to 1. "gaussian":
        draws of a normal field with covariance :math:`0.27^2 \exp(-\mathrm{distance} / 2)`, whose
        pixels vary as much as those of the digits and for which every information is known.
    n_rows : sequence of int
        Values of r, increasing, from 0 to 8. The full image is added where 8 is not among them.
    noise : float
        Standard deviation of the noise in every pixel.
    n_components : int or None
        Leading principal directions through which A and :math:`B_r` are seen, each its own; None
        hands over all 64 pixels.
    duplicates : {"drop", "keep"}
        What becomes of columns that are linear functions of others in the joined variables of the
        data-processing test. "drop": the join is turned to its principal directions and the null
        ones are left out, for estimators that need a joint density; nothing is lost by it.
        "keep": the columns are handed over as they are, which a network should bear.
    n_copies : int, optional
        Rows of each image, each with its own noise; None for 5 digits and 1 Gaussian image.
    n_samples : int, optional
        Rows in all, rounded down to a multiple of `n_copies`; fewer digits are used where this is
        less than 1 797 times `n_copies`. None for all digits, or 10 000 rows of Gaussian images.
    n_jobs : int, optional
        Threads over fits.
    random_state : int, RandomState, Generator or None
        Of the images, of the noise, and of every ``random_state`` in the estimator that is None.
    verbose : int
        1 shows a progress bar over fits.

    Returns
    -------
    SelfConsistencyReport
        Print it for a table.

    Raises
    ------
    TypeError
        If `estimator` has no ``fit``, is a class, or leaves no ``mutual_information_``.
    ValueError
        If another argument is out of its range.

    Notes
    -----
    *Rules.* Baseline: at r = 0 at most 5 % of the full image or two standard errors; a step down
    by at most 2 % of the full image or two standard errors. Data processing and additivity:
    ratios to the baseline with as many rows within [0.95, 1.05] and [1.9, 2.1], at r > 0 where
    the baseline exceeds 0.2 nats; with no such r the law counts as not run, and the report as
    not passed. Standard errors are those of the fitted estimator (``standard_error_`` or
    ``_standard_error()``), which knows nothing of repeated images unless it takes groups.

    *What the estimator sees.* The masked rows are noise and not dropped, so that r = 0 is a
    problem too and nothing tells the estimator which columns count. The principal directions are
    those of the images without noise, masked to r rows: fixed linear maps that depend neither on
    the pairing nor on the noise. Joins are made of the reduced variables: h turns the components
    of :math:`B_r` back to pixels, keeps r - 1 rows and reduces these to components in turn. It is
    a function of what the estimator saw in the baseline, hence both ratios are exact laws of the
    reduced variables and not approximations. With ``duplicates="drop"`` the joined variables are
    an invertible linear map of the ones of the baseline: an estimator that does not depend on
    the coordinates passes by construction. Additivity joins each row with one of another image.

    *Groups.* An estimator whose ``fit`` takes ``groups`` is given them, for it must not train on
    other copies of the images that it is evaluated on. The group is the image; for additivity
    images are paired within 20 blocks, and the group is the block. Rows of one image, and of one
    block, are adjacent.

    *Noise.* The law of the digits is a mixture of 1 797 atoms with noise, so that no information
    exceeds :math:`\ln 1797 = 7.49` nats. Through 16 components the full image tells 7.47, 6.04,
    2.73 and 1.15 nats of that law at noise 0.1, 0.25, 0.5 and 0.75 (by Monte Carlo, within 0.04).
    At 0.1 and 0.25 the number of images decides; at 0.75 two rows tell 0.27, which is little to
    take ratios of. All pixels tell 3.60 at noise 0.5, 8 components 2.01. The normal field at
    noise 0.5 tells 1.79 nats through 16 components, of 2.01 in all pixels.

    *What it does not show.* The laws are necessary and not sufficient: any multiple of the
    information obeys them. A normal reference passes on digits at noise 0.1 with 18.6 nats, where
    no more than 7.49 are there. The closed forms of the normal field are the other half.

    Complexity: one fit for each r and law, 13 by default. Source: Song and Ermon (2020),
    arXiv:1910.06222.

    Examples
    --------
    >>> from infotheory import KSG, GaussianMutualInformation
    >>> from infotheory.testing import self_consistency
    >>> report = self_consistency(GaussianMutualInformation(), data="gaussian", n_samples=2000)
    >>> report.passed
    True
    >>> report = self_consistency(KSG(), data="gaussian", n_samples=2000)
    >>> report.monotone, report.additivity.passed
    (True, False)
    """
    start = perf_counter()
    _check_estimator(estimator)
    rows = _check_rows(n_rows)
    _check_settings(data, noise, n_components, duplicates)
    copies = _COPIES.get(data, 1) if n_copies is None else n_copies
    rng = np.random.default_rng(local_random_state(random_state).randint(2**31 - 1))
    problem = _problem(data, copies, n_samples, noise, n_components, duplicates, rng)

    def fits(pairs: list[tuple[str, int]]) -> np.ndarray:
        """Estimate and standard error of each law and r."""
        seeds = rng.integers(2**31 - 1, size=len(pairs))
        tasks: Any = list(zip(pairs, seeds, strict=True))
        if verbose:
            from tqdm import tqdm

            tasks = tqdm(tasks, desc="self-consistency", leave=False)
        found = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(_estimate)(estimator, problem, law, r, int(seed)) for (law, r), seed in tasks
        )
        return np.array(found, dtype=float).reshape(-1, 2)

    with global_state_restored():
        found = fits([(BASELINE, r) for r in rows])
        large = (found[:, 0] > _LEAST_INFORMATION) & (np.array(rows) > 0)
        tried = [r for r, is_large in zip(rows, large, strict=True) if is_large]
        twice = fits([(law, r) for law in (PROCESSING, ADDITIVITY) for r in tried])
    single, sums = twice[: len(tried)], twice[len(tried) :]
    # Estimates may be infinite or zero; their ratios are shown as they come.
    with np.errstate(divide="ignore", invalid="ignore"):
        monotone = _is_monotone(found)
        nothing = rows[0] > 0 or _is_nothing(found[0], found[-1, 0])
        laws = (
            _law(
                problem,
                BASELINE,
                rows,
                found,
                found[:, 0] / found[-1, 0],
                bool(monotone and nothing and large[-1]),
                None,
                f"nothing at 0 rows, no fall, more than {_LEAST_INFORMATION} nats at {SIDE}",
            ),
            _ratio_law(problem, PROCESSING, tried, single, found[large, 0], _PROCESSING_RANGE),
            _ratio_law(problem, ADDITIVITY, tried, sums, found[large, 0], _ADDITIVITY_RANGE),
        )
    return SelfConsistencyReport(
        *laws,
        monotone=monotone,
        estimator=_name(estimator),
        data=data,
        noise=float(noise),
        n_components=n_components,
        duplicates=duplicates,
        n_samples=len(problem),
        n_copies=copies,
        seconds=perf_counter() - start,
    )


def _check_estimator(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, got the class {estimator.__name__}. "
            f"Write {estimator.__name__}()."
        )
    if not hasattr(estimator, "fit"):
        raise TypeError(
            f"estimator must have fit(X, y), got {estimator!r}. Pass an instance such as KSG()."
        )
    if isinstance(last_step(estimator), EntropyEstimator | DivergenceEstimator):
        raise TypeError(_not_an_information(estimator))


def _name(estimator: Any) -> str:
    if hasattr(estimator, "get_params"):
        return " ".join(repr(estimator).split())
    return type(estimator).__name__


def _not_an_information(estimator: Any) -> str:
    name = type(last_step(estimator)).__name__
    return (
        f"estimator must leave mutual_information_ after fit(X, y), which {name} does not. An "
        f"entropy estimator goes into EntropySum({name}()) first."
    )


def _check_rows(n_rows: Sequence[int]) -> tuple[int, ...]:
    rows = tuple(n_rows) if isinstance(n_rows, Sequence | np.ndarray) else ()
    whole = [isinstance(r, Integral) and not isinstance(r, bool) for r in rows]
    if not rows or not all(whole) or rows[0] < 0 or rows[-1] > SIDE or np.any(np.diff(rows) <= 0):
        raise ValueError(
            f"n_rows must be increasing integers from 0 to {SIDE}, the rows of an image that are "
            f"kept, got {n_rows!r}. Pass for example (0, 4, 8)."
        )
    rows = tuple(int(r) for r in rows)
    return rows if rows[-1] == SIDE else (*rows, SIDE)


def _check_settings(data: str, noise: float, n_components: int | None, duplicates: str) -> None:
    for name, value, known in (("data", data, _DATA), ("duplicates", duplicates, _DUPLICATES)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}.")
    if isinstance(noise, bool) or not isinstance(noise, Real) or not 0 < noise < math.inf:
        raise ValueError(
            f"noise must be a positive number, got {noise!r}. Without noise the information is "
            f"infinite; pixels go from 0 to 1, and 0.5 suits 1 797 images."
        )
    if n_components is not None:
        advice = "None hands over all pixels."
        check_count(n_components, "n_components", 1, advice)
        if n_components > N_PIXELS:
            raise ValueError(
                f"n_components must be at most {N_PIXELS}, got {n_components}. {advice}"
            )


def _problem(
    data: str,
    n_copies: int,
    n_samples: int | None,
    noise: float,
    n_components: int | None,
    duplicates: str,
    rng: np.random.Generator,
) -> NoisyImages:
    check_count(n_copies, "n_copies", 1, "It is the number of rows of each image.")
    if n_samples is not None:
        advice = f"It takes {_FEWEST_IMAGES} images at least, n_copies = {n_copies} rows each."
        check_count(n_samples, "n_samples", _FEWEST_IMAGES * n_copies, advice)
    if data == "gaussian":
        n_images = (_N_GAUSSIAN if n_samples is None else n_samples) // n_copies
        images = gaussian_images(n_images, rng)
    else:
        images = digits()
        n_images = len(images.pixels) if n_samples is None else n_samples // n_copies
    if n_images > len(images.pixels):
        raise ValueError(
            f"n_samples = {n_samples} with n_copies = {n_copies} takes {n_images} images, but "
            f"there are {len(images.pixels)} digits. Pass more copies or fewer samples."
        )
    return NoisyImages(
        images,
        n_images=n_images,
        n_copies=n_copies,
        noise=noise,
        n_components=n_components,
        duplicates=duplicates,
        rng=rng,
    )


def _estimate(
    estimator: Any, problem: NoisyImages, law: str, r: int, seed: int
) -> tuple[float, float]:
    data = _rows_of(problem, law, r)
    # Objects that are no scikit-learn estimators are copied whole.
    fresh = clone(estimator, safe=False)
    if hasattr(fresh, "get_params"):
        free = [name for name, value in fresh.get_params().items() if value is None]
        seeds = [n for n in free if n == "random_state" or n.endswith("__random_state")]
        if seeds:
            fresh.set_params(**dict.fromkeys(seeds, seed))
    watch = Watch()
    try:
        fresh.fit(data.X, data.y, **_groups_for(fresh, data.groups))
    except Exception as error:
        error.add_note(f"Raised by {law} with {r} rows: X {data.X.shape}, y {data.y.shape}.")
        raise
    watch.stop("The checks")
    last = last_step(fresh)
    if not hasattr(last, "mutual_information_"):
        raise TypeError(_not_an_information(estimator))
    error = last._standard_error() if hasattr(last, "_standard_error") else None
    error = getattr(last, "standard_error_", error)
    return float(last.mutual_information_), math.nan if error is None else float(error)


def _rows_of(problem: NoisyImages, law: str, r: int) -> Rows:
    if law == BASELINE:
        return problem.baseline(r)
    return problem.data_processing(r) if law == PROCESSING else problem.additivity(r)


def _groups_for(estimator: Any, groups: np.ndarray) -> dict[str, np.ndarray]:
    """The groups as a keyword of ``fit`` (of a pipeline: for its last step) if it takes them."""
    if "groups" not in inspect.signature(last_step(estimator).fit).parameters:
        return {}
    prefix = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
    return {f"{prefix}groups": groups}


def _is_monotone(found: np.ndarray) -> bool:
    values, errors = found.T
    error = np.sqrt(errors[:-1] ** 2 + errors[1:] ** 2)
    allowed = np.fmax(_ERRORS_ALLOWED * error, _FALL_ALLOWED * abs(values[-1]))
    return bool(np.all(np.diff(values) >= -allowed))


def _is_nothing(found: np.ndarray, full: float) -> bool:
    value, error = found
    return bool(abs(value) <= np.fmax(_ERRORS_ALLOWED * error, _NOTHING_ALLOWED * abs(full)))


def _ratio_law(
    problem: NoisyImages,
    name: str,
    rows: Sequence[int],
    found: np.ndarray,
    baseline: np.ndarray,
    limits: tuple[float, float],
) -> SelfConsistencyLaw:
    low, high = limits
    ratios = found[:, 0] / baseline
    if not rows:
        rule = f"no baseline estimate above {_LEAST_INFORMATION} nats"
        return _law(problem, name, rows, found, ratios, None, limits, rule)
    passed = bool(np.all((ratios >= low) & (ratios <= high)))
    rule = f"ratio to the baseline within [{low}, {high}]"
    return _law(problem, name, rows, found, ratios, passed, limits, rule)


def _law(
    problem: NoisyImages,
    name: str,
    rows: Sequence[int],
    found: np.ndarray,
    ratios: np.ndarray,
    passed: bool | None,
    limits: tuple[float, float] | None,
    rule: str,
) -> SelfConsistencyLaw:
    truths = [problem.truth(r) for r in rows]
    factor = 2 if name == ADDITIVITY else 1
    return SelfConsistencyLaw(
        name=name,
        n_rows=tuple(rows),
        estimates=found[:, 0],
        standard_errors=found[:, 1],
        ratios=ratios,
        truths=factor * np.array(truths, dtype=float) if problem.images.gaussian else None,
        passed=passed,
        limits=limits,
        rule=rule,
    )
