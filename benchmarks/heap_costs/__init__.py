# SPDX-License-Identifier: MIT
"""What allocators cost on a Cortex-M4, counted on the emulated board (docs/heap-benchmarks.md)."""
