"""How kernels are compiled.

Numba sees that the file of a cached kernel changed, but not that an inlined helper in another file
did: after changing one, remove the ``*.nbi`` files beside it.
"""

from __future__ import annotations

from typing import Any

import numba

_njit: Any = numba.njit  # whose types leave out `_nrt`
kernel = _njit(nogil=True, error_model="numpy", cache=True)
# Short helpers on arrays: calls, and counting references to the arrays, would cost more than the
# work they do. They allocate nothing.
inline = _njit(nogil=True, error_model="numpy", forceinline=True, _nrt=False)
# The same where a product and a sum may be rounded once: sums of many terms that need no last bit.
fused_kernel = _njit(nogil=True, error_model="numpy", fastmath={"contract"}, cache=True)
fused_inline = _njit(
    nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True, _nrt=False
)
