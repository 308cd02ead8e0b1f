"""The 40 published tasks, n = 10 000, for every estimator asked for, with one set of defaults.

Run ``python benchmarks/tasks.py`` for all, ``--estimator auto ksg`` for some estimators and
``--only spiral`` for some tasks. Every row goes into results/tasks.csv at once, and a later run
leaves out those that are there (``--again`` measures them anew). results/tasks_summary.csv counts,
for each estimator, the tasks within max(0.05, 5 %) of the truth. The truth is only compared.
"""

from __future__ import annotations

import numpy as np
from _estimating import known, measure, number, set_threads, yes_or_no
from _results import Results, circumstances_of, matches, parser

from infotheory.datasets import load_task, task_names

ESTIMATORS = ("auto", "minde", "mine", "smile", "info-nce", "ksg", "gaussian")
KEYS = ("task", "estimator", "n", "seed")
MEASURED = (
    *("columns", "truth", "value", "standard error", "lower", "upper", "covers", "error"),
    *("within max(.05, 5 %)", "seconds with interval", "chosen"),
)
SUMMARY = (
    *("tasks", "within max(.05, 5 %)", "mean absolute error", "largest error"),
    *("90 % intervals that hold", "minutes in all", "slowest"),
)


def summarise(tasks: Results, summary: Results, estimator: str, n: int, seed: int) -> None:
    """One line on all tasks that have been measured with these settings."""
    rows = tasks.rows(estimator=estimator, n=n, seed=seed)
    if not rows:
        return
    errors = np.array([float(r["error"]) for r in rows])
    seconds = np.array([float(r["seconds with interval"]) for r in rows])
    worst, slowest = rows[int(np.argmax(np.abs(errors)))], rows[int(np.argmax(seconds))]
    answers = [r["covers"] for r in rows if r["covers"]]
    summary.keep(
        {
            "estimator": estimator,
            "n": n,
            "seed": seed,
            "tasks": len(rows),
            "within max(.05, 5 %)": sum(r["within max(.05, 5 %)"] == "yes" for r in rows),
            "mean absolute error": number(float(np.mean(np.abs(errors)))),
            "largest error": f"{worst['error']} ({worst['task']})",
            "90 % intervals that hold": f"{answers.count('yes')} of {len(answers)}",
            "minutes in all": number(float(seconds.sum()) / 60, 1),
            "slowest": f"{seconds.max():.0f} s ({slowest['task']})",
        },
        circumstances_of(rows),
    )


def main() -> None:
    options = parser(__doc__, ESTIMATORS)
    options.add_argument("--seed", type=int, default=0, help="of the sample of every task")
    arguments = options.parse_args()
    set_threads(quick=arguments.quick)
    n, seed = 300 if arguments.quick else 10_000, arguments.seed
    names = [name for name in task_names() if matches(arguments.only, name)]
    if arguments.quick:
        names = names[:2]
    estimators = known(arguments.estimator)
    results = Results("tasks", KEYS, MEASURED, quick=arguments.quick)
    results.head()
    for estimator in estimators:
        for name in names:
            key = {"task": name, "estimator": estimator, "n": n, "seed": seed}
            if results.has(**key) and not arguments.again:
                continue
            task = load_task(name)
            X, y = task.sample(n, seed)
            found = measure(estimator, X, y, seed, quick=arguments.quick)
            if found is None:
                continue
            error = found.value - task.mutual_information
            results.keep(
                {
                    **key,
                    "columns": f"{task.dim_x} + {task.dim_y}",
                    "truth": number(task.mutual_information),
                    **found.cells(task.mutual_information),
                    "within max(.05, 5 %)": yes_or_no(
                        abs(error) <= max(0.05, 0.05 * task.mutual_information)
                    ),
                    "seconds with interval": number(found.seconds, 2),
                }
            )
    print()
    summary = Results("tasks_summary", ("estimator", "n", "seed"), SUMMARY, quick=arguments.quick)
    summary.head()
    for estimator in estimators:
        summarise(results, summary, estimator, n, seed)


if __name__ == "__main__":
    main()
