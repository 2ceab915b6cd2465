"""One file per contender: the same workloads, each written as that library's own manual would write it.

An adapter is a module of plain async functions (``benchmarks.contract.Adapter`` lists them). It holds no
clock and no check: the questions measure and check, so that no contender is measured in a way of its own.
A workload that a library has no feature for is left out, with the reason in the adapter's ``LEFT_OUT``.
"""
