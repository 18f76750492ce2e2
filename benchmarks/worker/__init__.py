"""The process that owns the model: the thing measured.

Only modules of this package import torch and transformers, and of it `protocol` and `handle` do
not: the parent, which is the meter, uses just these two.
"""
