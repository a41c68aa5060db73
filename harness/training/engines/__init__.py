"""Engines: the same training at several levels of speed, equal up to rounding.

=====  =====================  ==========================================================================
R0     `reference`            one network at a time, plain fp32, bitwise reproducible: the oracle
R1     `resident`             one network at a time, nothing waits for the device; bf16 on CUDA
R2     `captured`             its step replayed as a CUDA graph
R3     `packed` (seeds)       the seeds of an architecture side by side
R4     `packed` (any cells)   networks of different cells side by side
=====  =====================  ==========================================================================

`engine` says what a level, an engine and a state are, `loop` trains a pack at any level, `single` is what the engines
of one network share.
"""
