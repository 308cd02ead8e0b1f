"""The 24 published tasks with at most three columns a side: ``mutual_information(X, y)``, n 10 000.

Run ``python benchmarks/tasks_lowdim.py`` (about a minute). Writes
benchmarks/results/tasks_lowdim.csv. One set of defaults for every task; the truth is only compared.
"""

from __future__ import annotations

import csv
import datetime
import platform
import time
from pathlib import Path

import numpy as np
import scipy
import sklearn

import infotheory
from infotheory.datasets import load_task, task_names

RESULTS = Path(__file__).parent / "results" / "tasks_lowdim.csv"


def main() -> None:
    rows, close = [], 0
    names = [n for n in task_names() if max(load_task(n).dim_x, load_task(n).dim_y) <= 3]
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, "
        f"scikit-learn {sklearn.__version__}"
    )
    for name in names:
        task = load_task(name)
        X, y = task.sample(10_000, 0)
        start = time.perf_counter()
        e = infotheory.mutual_information(X, y, random_state=0)
        seconds = time.perf_counter() - start
        assert e.interval is not None
        error = e.value - task.mutual_information
        good = abs(error) <= max(0.05, 0.05 * task.mutual_information)
        close += good
        rows.append(
            {
                "task": name,
                "truth": f"{task.mutual_information:.4f}",
                "value": f"{e.value:.4f}",
                "lower": f"{e.interval[0]:.4f}",
                "upper": f"{e.interval[1]:.4f}",
                "error": f"{error:+.4f}",
                "within max(.05, 5 %)": "yes" if good else "no",
                "seconds with interval": f"{seconds:.2f}",
                "date": datetime.date.today().isoformat(),
                "versions": versions,
                "machine": "2-core x86-64, CPU",
            }
        )
        print(*list(rows[-1].values())[:8], sep=" | ", flush=True)
    print(f"{close} of {len(rows)} within max(.05, 5 %)")
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
