"""Three laws of mutual information on images: digits, and normal images with known truth.

Run ``python benchmarks/self_consistency.py``; ``--only gaussian`` and ``--estimator`` take a part.
One row for each law and estimator, by infotheory.testing.self_consistency with its defaults, goes
into results/self_consistency.csv; a later run leaves out the estimators that are there.
"""

from __future__ import annotations

import numpy as np
from _estimating import built, known, number, set_threads
from _results import Results, matches, parser

from infotheory.testing import self_consistency

ESTIMATORS = ("minde", "mine", "info-nce", "smile", "ksg", "gaussian")
DATA = ("digits", "gaussian")
KEYS = ("data", "estimator", "law", "n")
MEASURED = (
    *("verdict", "estimates", "ratios", "rule", "largest error", "seconds for the three laws"),
    *("rows of the image", "n rows"),
)
LAWS = ("baseline", "data processing", "additivity")


def main() -> None:
    options = parser(__doc__, ESTIMATORS)
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    quick = arguments.quick
    settings: dict = {"n_samples": 1000, "n_rows": (0, 8)} if quick else {}
    n = "1000" if quick else "default"
    results = Results("self_consistency", KEYS, MEASURED, quick=quick)
    results.head()
    for name in known(arguments.estimator):
        if name == "auto":
            print("auto is left out: the laws are tried on one estimator, not on a choice.")
            continue
        for data in DATA:
            if not matches(arguments.only, data):
                continue
            keys = [{"data": data, "estimator": name, "law": law, "n": n} for law in LAWS]
            if all(results.has(**key) for key in keys) and not arguments.again:
                continue
            try:
                report = self_consistency(
                    built(name, 0, quick=quick), data=data, random_state=0, **settings
                )
            except Exception as error:
                # One estimator that fails must not end a run of hours.
                print(f"{name} failed on {data}: {type(error).__name__}: {error}", flush=True)
                continue
            for key, law in zip(keys, report.laws, strict=True):
                errors = law.errors
                known_error = errors is not None and len(errors)
                worst = errors[np.argmax(np.abs(errors))] if known_error else np.nan
                results.keep(
                    {
                        **key,
                        "verdict": law.verdict,
                        "rows of the image": " ".join(map(str, law.n_rows)),
                        "estimates": " ".join(f"{v:.3f}" for v in law.estimates),
                        "ratios": " ".join(f"{v:.3f}" for v in law.ratios),
                        "rule": law.rule,
                        "largest error": number(float(worst), 3, sign=True),
                        "seconds for the three laws": number(report.seconds, 1),
                        "n rows": report.n_samples,
                    }
                )


if __name__ == "__main__":
    main()
