"""What a callback costs: ours and llama-index-core's, in one process. Run with ``python -m benchmarks.callbacks``."""
