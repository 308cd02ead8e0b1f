"""The item of a given rank, without sorting the rest."""

from __future__ import annotations

from infotheory._xp._compiling import inline


@inline
def select(keys, items, start, stop, rank):
    """Move the item of the given rank (a position) into place, smaller keys before it."""
    left = start
    right = stop - 1
    while left < right:
        a = keys[left]
        b = keys[(left + right) >> 1]
        c = keys[right]
        pivot = max(min(a, b), min(max(a, b), c))
        i = left
        j = right
        # Both scans stop at keys equal to the pivot, which keeps ties from going quadratic.
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                items[i], items[j] = items[j], items[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            return
