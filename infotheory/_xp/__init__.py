"""What the array API standard lacks: conversion, special functions, neighbour search."""

from __future__ import annotations

from infotheory._xp._namespace import (
    array_namespace,
    as_float,
    as_working_float,
    detached_numpy,
    like,
)
from infotheory._xp._special import digamma, gammaln, logsumexp, safe_log, xlogy

__all__ = [
    "array_namespace",
    "as_float",
    "as_working_float",
    "detached_numpy",
    "digamma",
    "gammaln",
    "like",
    "logsumexp",
    "safe_log",
    "xlogy",
]
