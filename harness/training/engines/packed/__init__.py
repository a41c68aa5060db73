"""Packed engines: many networks take their steps side by side.  You need this only to make training faster.

`levels` cuts packs, `engine` takes their steps, `plan` says which members compute what, `weights` holds the parameters
of all; `signals` and `images` write the networks and their gradients out, `images.operations` in plain torch (the
oracle), `triton` by kernels.  README.md in this folder is the page with the picture.
"""
