"""Rows of a table asked for before they are needed.

Rows that a step touches lie apart in memory, so the processor does not guess the next one, and waiting for each costs
more than working with it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from kgtuner.kernels.compiling import Floats, inlined

LINE_BYTES = 64
AHEAD = 6
"""Rows that are under way at once."""
READ, KEEP_IN_L1, DATA = 0, 3, 1


@intrinsic  # type: ignore[untyped-decorator]
def _fetch(typing: Any, table: Any, row: Any, column: Any) -> Any:
    """Ask for the line that holds one number, and go on without it."""

    def generated(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, given[0])
        place = cgutils.get_item_pointer(context, builder, kind, array, given[1:], wraparound=False)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        called = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, called, "llvm.prefetch.p0")
        constants = [ir.Constant(number, value) for value in (READ, KEEP_IN_L1, DATA)]
        builder.call(function, [builder.bitcast(place, byte), *constants])
        return context.get_dummy_value()

    return types.void(table, types.intp, types.intp), generated


@inlined
def fetch_row(table: Floats, row: int) -> None:
    """Ask for a row of a contiguous table (n, width)."""
    for column in range(0, table.shape[1], LINE_BYTES // table.itemsize):
        _fetch(table, row, column)
