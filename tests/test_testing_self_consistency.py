"""The three laws on images: their data, their verdicts, their report and its picture."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infotheory import (
    KSG,
    EntropySum,
    GaussianDivergence,
    GaussianEntropy,
    GaussianMutualInformation,
    NeighborsEntropy,
)
from infotheory.testing import SelfConsistencyReport, self_consistency
from infotheory.testing._self_consistency_data import (
    NoisyImages,
    digits,
    gaussian_images,
)

ROWS = (0, 4, 8)


def report_of(estimator, **settings) -> SelfConsistencyReport:
    settings = {"data": "gaussian", "n_rows": ROWS, "n_samples": 2000} | settings
    return self_consistency(estimator, **settings)


def verdicts(report):
    return tuple(law.passed for law in report.laws)


# ------------------------------------------------------------------ what the estimators are shown


def problem(data="gaussian", n_images=60, n_copies=3, n_components=16, duplicates="drop", seed=0):
    rng = np.random.default_rng(seed)
    images = digits() if data == "digits" else gaussian_images(n_images, rng)
    return NoisyImages(
        images,
        n_images=n_images,
        n_copies=n_copies,
        noise=0.5,
        n_components=n_components,
        duplicates=duplicates,
        rng=rng,
    )


def linear_residual(source, target):
    """Largest part of the target's columns that is no linear function of the source's."""
    solution = np.linalg.lstsq(source, target, rcond=None)[0]
    return np.abs(source @ solution - target).max()


@pytest.mark.parametrize("data", ["digits", "gaussian"])
@pytest.mark.parametrize("n_components", [16, None])
@pytest.mark.parametrize("r", [1, 4, 8])
def test_the_joined_variables_are_functions_of_the_single_ones(data, n_components, r):
    for duplicates in ("drop", "keep"):
        shown = problem(data, n_components=n_components, duplicates=duplicates)
        single, joined = shown.baseline(r), shown.data_processing(r)
        for one, both in ((single.X, joined.X), (single.y, joined.y)):
            assert linear_residual(one, both) < 1e-9
            # Nothing is lost, or the law would be an inequality.
            assert linear_residual(both, one) < 1e-9
            assert both.shape[1] == one.shape[1] * (1 if duplicates == "drop" else 2)


def test_dropped_duplicates_leave_a_joint_density():
    shown = problem("digits", n_images=600)
    for r in (2, 8):
        rows = shown.data_processing(r)
        spectrum = np.linalg.eigvalsh(np.cov(rows.y, rowvar=False))
        assert spectrum[0] > 0.5**2 / 2  # the noise has this variance in every direction


def test_pixels_are_handed_over_as_they_are():
    shown = problem("digits", n_components=None, duplicates="keep")
    rows = shown.data_processing(4)
    np.testing.assert_array_equal(rows.X[:, :64], rows.X[:, 64:])
    np.testing.assert_allclose(rows.y[:, :24], rows.y[:, 64:88], atol=1e-12)
    assert not rows.y[:, 88:].any()
    assert np.abs(rows.y[:, 32:64]).min() > 0  # masked rows are noise


def test_pairs_for_additivity_share_no_image_and_no_group():
    shown = problem("digits", n_images=90, n_copies=4)
    rows, single = shown.additivity(8), shown.baseline(8)
    a, partner = single.X, shown._partner
    np.testing.assert_array_equal(rows.X, np.hstack([a, a[partner]]))
    np.testing.assert_array_equal(np.sort(partner), np.arange(len(a)))
    assert (shown.image[partner] != shown.image).all()
    images = np.stack([shown.image, shown.image[partner]], axis=1)
    groups_of_image = {}
    for pair, group in zip(images, rows.groups, strict=True):
        for image in pair:
            assert groups_of_image.setdefault(image, group) == group
    assert len(np.unique(rows.groups)) == 20
    assert len(np.unique(single.groups)) == 90


def test_the_two_views_have_noise_of_their_own():
    shown = problem(n_images=2000, n_copies=1)
    noise = shown._noise_a * shown._noise_b
    # Mean of 128 000 products of independent standard normals.
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)


@pytest.mark.parametrize("n_components", [8, 16, 64, None])
def test_truth_grows_with_the_rows_and_with_the_components(n_components):
    shown = problem(n_components=n_components)
    truths = np.array([shown.truth(r) for r in range(9)])
    assert abs(truths[0]) < 1e-12
    assert (np.diff(truths) > 0).all()
    whole = np.array([problem(n_components=None).truth(r) for r in range(9)])
    assert (truths <= whole + 1e-9).all()


def test_digits_have_no_closed_form():
    assert problem("digits").truth(4) is None


# ------------------------------------------------------------------ verdicts


def test_what_is_exact_for_normal_laws_passes_on_the_twin():
    report = self_consistency(GaussianMutualInformation(), data="gaussian")
    assert verdicts(report) == (True, True, True)
    assert report.passed
    assert report.monotone
    assert report.n_samples == 10_000
    for law in report.laws:
        assert (np.abs(law.errors) < 4 * law.standard_errors).all()
    np.testing.assert_allclose(report.additivity.truths, 2 * report.baseline.truths[1:])
    np.testing.assert_allclose(report.data_processing.truths, report.baseline.truths[1:])


@pytest.mark.parametrize(
    ("n_components", "duplicates"),
    [(16, "drop"), (16, "keep"), pytest.param(None, "drop", marks=pytest.mark.slow)],
)
def test_normal_reference_passes_on_digits(n_components, duplicates):
    report = report_of(
        GaussianMutualInformation(),
        data="digits",
        duplicates=duplicates,
        n_components=n_components,
        n_samples=None,
    )
    assert report.passed, str(report)
    assert report.n_samples == 5 * 1797


def test_sum_of_entropies_and_pipeline_pass():
    estimators = [
        EntropySum(GaussianEntropy()),
        make_pipeline(StandardScaler(), GaussianMutualInformation()),
    ]
    values = [report_of(e, n_samples=4000).baseline.estimates for e in estimators]
    assert report_of(estimators[0]).passed
    np.testing.assert_allclose(values[0], values[1], atol=1e-8)


def test_passing_is_no_proof_of_the_value():
    """The laws are necessary and not sufficient, as the docstring says."""
    report = report_of(GaussianMutualInformation(), data="digits", noise=0.1)
    assert report.passed
    assert report.baseline.estimates[-1] > np.log(1797)


def test_nearest_neighbours_in_high_dimension_are_not_additive():
    report = report_of(KSG())
    assert report.monotone
    assert verdicts(report)[2] is False
    assert not report.passed
    assert report.additivity.ratios.max() < 1.5


class Falling(GaussianMutualInformation):
    def fit(self, X, y):
        super().fit(X, y)
        self.mutual_information_ = 3 - self.mutual_information_
        return self


class Dips(GaussianMutualInformation):
    """Loses information between four and eight rows alone."""

    def fit(self, X, y):
        super().fit(X, y)
        self.mutual_information_ = float(np.sin(self.mutual_information_ * 1.4))
        return self


class Offset(GaussianMutualInformation):
    def fit(self, X, y):
        super().fit(X, y)
        self.mutual_information_ += 0.3
        return self


class DependsOnTheScale(GaussianMutualInformation):
    def fit(self, X, y):
        super().fit(X, y)
        self.mutual_information_ *= 1 + y.var(axis=0).mean()
        return self


class PerColumn(GaussianMutualInformation):
    def fit(self, X, y):
        super().fit(X, y)
        self.mutual_information_ *= 16 / X.shape[1]
        return self


@pytest.mark.parametrize(
    ("estimator", "law"),
    [(Falling(), 0), (Dips(), 0), (Offset(), 0), (DependsOnTheScale(), 1), (PerColumn(), 2)],
)
def test_a_broken_law_is_caught(estimator, law):
    report = report_of(estimator)
    assert report.laws[law].passed is False
    assert not report.passed
    if law:
        others = [report.laws[i].passed for i in range(3) if i != law]
        assert others == [True, True]


def test_a_fall_and_an_offset_are_told_apart():
    assert not report_of(Falling()).monotone
    assert not report_of(Dips()).monotone
    assert report_of(Offset()).monotone


class Answer:
    """No scikit-learn estimator, and always of one opinion."""

    def __init__(self, value):
        self.value = value

    def fit(self, X, y):
        self.mutual_information_ = self.value


@pytest.mark.parametrize("value", [0.0, 0.1, -1.0, np.nan])
def test_an_estimator_that_sees_nothing_does_not_pass(value):
    report = report_of(Answer(value))
    assert verdicts(report) == (False, None, None)
    assert not report.passed
    assert "not run" in str(report)
    assert len(report.to_frame()) == len(ROWS)


def test_an_infinite_answer_does_not_pass():
    assert verdicts(report_of(Answer(np.inf))) == (False, False, False)


# ------------------------------------------------------------------ how estimators are run


class Seen(BaseEstimator):
    """Keeps what it was given; its value is random."""

    log: list = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y, *, condition=None, groups=None):
        Seen.log.append((X.shape, y.shape, groups, self.random_state))
        np.random.normal()  # noqa: NPY002
        random.random()
        rng = np.random.default_rng(self.random_state)
        self.mutual_information_ = float(1 + rng.uniform())
        self.standard_error_ = 0.25
        return self


@pytest.fixture
def _empty_log():
    Seen.log.clear()


@pytest.mark.usefixtures("_empty_log")
@pytest.mark.parametrize("wrap", [False, True])
def test_groups_go_to_estimators_that_take_them(wrap):
    estimator = make_pipeline(StandardScaler(), Seen()) if wrap else Seen()
    report_of(estimator, data="digits", n_rows=(8,), n_samples=400, n_copies=4)
    shapes = [(x[1], y[1]) for x, y, _, _ in Seen.log]
    assert shapes == [(16, 16), (16, 16), (32, 32)]
    sizes = [len(np.unique(groups)) for _, _, groups, _ in Seen.log]
    assert sizes == [100, 100, 20]


def state_of_globals():
    return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


@pytest.mark.usefixtures("_empty_log")
def test_reproducible_for_a_seed_and_global_state_untouched():
    before = state_of_globals()
    first, again, threads = (
        report_of(Seen(), n_samples=200, n_jobs=jobs) for jobs in (None, None, 2)
    )
    assert state_of_globals() == before
    for law, same, other in zip(first.laws, again.laws, threads.laws, strict=True):
        np.testing.assert_array_equal(law.estimates, same.estimates)
        np.testing.assert_array_equal(law.estimates, other.estimates)
    seeds = [state for *_, state in Seen.log[: len(ROWS)]]
    assert len(set(seeds)) == len(ROWS)
    different = report_of(Seen(), n_samples=200, random_state=1)
    assert (different.baseline.estimates != first.baseline.estimates).all()


@pytest.mark.usefixtures("_empty_log")
def test_a_seed_of_the_estimator_is_kept():
    report_of(Seen(random_state=7), n_samples=200)
    assert {state for *_, state in Seen.log} == {7}


@pytest.mark.usefixtures("_empty_log")
def test_the_estimator_is_not_changed():
    estimator = Seen()
    report_of(estimator, n_samples=200)
    assert vars(estimator) == {"random_state": None}
    foreign = Answer(1.0)
    report_of(foreign, n_samples=200)
    assert vars(foreign) == {"value": 1.0}


def test_a_foreign_object_goes_by_its_class():
    assert report_of(Answer(1.0), n_samples=200).estimator == "Answer"


def test_twin_can_repeat_its_images_as_the_digits_do():
    report = report_of(GaussianMutualInformation(), n_samples=2003, n_copies=5)
    assert (report.n_samples, report.n_copies) == (2000, 5)


def test_the_full_image_is_added_where_it_is_missing():
    assert report_of(GaussianMutualInformation(), n_rows=[3]).baseline.n_rows == (3, 8)


def test_progress_is_shown_on_request(capsys):
    report_of(GaussianMutualInformation(), n_samples=400, verbose=1)
    assert "self-consistency" in capsys.readouterr().err


# ------------------------------------------------------------------ report and picture


@pytest.mark.usefixtures("_empty_log")
def test_standard_errors_come_from_the_estimator():
    assert (report_of(Seen(), n_samples=200).baseline.standard_errors == 0.25).all()
    assert np.isnan(report_of(KSG(), n_samples=400).baseline.standard_errors).all()
    assert (report_of(GaussianMutualInformation()).baseline.standard_errors > 0).all()


def test_report_is_a_table():
    twin = report_of(GaussianMutualInformation())
    text = str(twin)
    assert repr(twin) == text
    assert "GaussianMutualInformation()" in text
    assert "16 components" in text
    assert "truth" in text
    lines = [line for line in text.splitlines() if line.startswith("additivity  ")]
    assert len(lines) == 3  # four and eight rows, and the verdict
    assert lines[-1].split()[1] == "passed:"
    assert max(map(len, text.splitlines())) < 100
    pixels = report_of(GaussianMutualInformation(), data="digits", n_components=None)
    assert "truth" not in str(pixels)
    assert "pixels" in str(pixels)


def test_frame_has_a_line_an_estimate():
    frame = report_of(GaussianMutualInformation()).to_frame()
    assert frame["law"].tolist() == (
        ["baseline"] * 3 + ["data processing"] * 2 + ["additivity"] * 2
    )
    assert frame["n_rows"].tolist() == [0, 4, 8, 4, 8, 4, 8]
    np.testing.assert_allclose(frame["estimate"] - frame["truth"], frame["error"])
    digits_frame = report_of(GaussianMutualInformation(), data="digits").to_frame()
    assert digits_frame.columns.tolist() == ["law", "n_rows", "estimate", "standard_error", "ratio"]


def test_display_draws_ratios_and_bands():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from infotheory.plotting import SelfConsistencyDisplay

    twin = report_of(GaussianMutualInformation())
    figure, (left, middle, right) = plt.subplots(1, 3)
    display = SelfConsistencyDisplay.from_report(twin, ax=left)
    assert display.ax_ is left
    assert display.figure_ is figure
    for law in twin.laws:
        np.testing.assert_allclose(display.lines_[law.name][0].get_xydata()[:, 1], law.ratios)
    assert display.truth_ is not None
    assert "nats" in left.get_ylabel()
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert "additivity: passed" in labels
    nothing = SelfConsistencyDisplay.from_report(report_of(Answer(0.1)), ax=middle)
    assert len(nothing.lines_["additivity"][0].get_xdata()) == 0
    images = SelfConsistencyDisplay.from_report(
        report_of(KSG(), data="digits", n_samples=400), ax=right
    )
    assert images.truth_ is None
    figure.canvas.draw()
    plt.close("all")


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KSG, r"instance, got the class KSG. Write KSG\(\)"),
        ("ksg", r"must have fit\(X, y\), got 'ksg'"),
        (GaussianEntropy(), r"EntropySum\(GaussianEntropy\(\)\)"),
        (GaussianDivergence(), r"GaussianDivergence does not"),
        (make_pipeline(StandardScaler(), NeighborsEntropy()), r"NeighborsEntropy does not"),
        (StandardScaler(), r"mutual_information_ after fit.*StandardScaler does not"),
    ],
)
def test_what_is_no_mutual_information_is_refused(estimator, message):
    with pytest.raises(TypeError, match=message):
        report_of(estimator)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_rows": (0, 9)}, ValueError, "increasing integers from 0 to 8"),
        ({"n_rows": (-1, 8)}, ValueError, "increasing integers from 0 to 8"),
        ({"n_rows": (4, 2)}, ValueError, "increasing integers from 0 to 8"),
        ({"n_rows": (4, 4)}, ValueError, "increasing integers from 0 to 8"),
        ({"n_rows": (1.5, 8)}, ValueError, "increasing integers from 0 to 8"),
        ({"n_rows": ()}, ValueError, "increasing integers from 0 to 8"),
        ({"n_rows": 8}, ValueError, "increasing integers from 0 to 8"),
        ({"data": "mnist"}, ValueError, "data must be one of digits, gaussian, got 'mnist'"),
        ({"duplicates": "merge"}, ValueError, "duplicates must be one of drop, keep"),
        ({"noise": 0.0}, ValueError, "noise must be a positive number"),
        ({"noise": "much"}, ValueError, "noise must be a positive number"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": 65}, ValueError, "n_components must be at most 64"),
        ({"n_components": 2.0}, TypeError, "n_components must be an integer"),
        ({"n_copies": 0}, ValueError, "n_copies must be at least 1"),
        ({"n_samples": 10}, ValueError, "n_samples must be at least 20"),
        (
            {"data": "digits", "n_samples": 2000, "n_copies": 1},
            ValueError,
            "takes 2000 images, but there are 1797 digits",
        ),
        ({"random_state": "now"}, ValueError, "random_state"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        report_of(GaussianMutualInformation(), **settings)


def test_an_error_of_the_estimator_says_where_it_was_raised():
    with pytest.raises(ValueError, match="more rows than columns") as caught:
        report_of(GaussianMutualInformation(), n_samples=25)
    assert caught.value.__notes__ == ["Raised by baseline with 0 rows: X (25, 16), y (25, 16)."]


def test_the_import_stays_light():
    code = (
        "import sys, infotheory.testing\n"
        "loaded = {'sklearn.datasets', 'matplotlib', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
