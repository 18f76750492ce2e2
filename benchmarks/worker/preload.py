"""The imports of a forkserver, which every child forked from it then has already.

Never CUDA: a process with a CUDA context cannot be forked.
"""

import gc

from benchmarks.worker.libraries import silence_libraries

gc.disable()  # what is imported here is never garbage
silence_libraries(offline=True)

import torch  # noqa: E402, F401
from transformers import AutoModelForMultimodalLM, AutoProcessor  # noqa: E402, F401

import benchmarks.worker.generation  # noqa: E402, F401
from benchmarks.worker.loading import import_own_models  # noqa: E402

import_own_models()
silence_libraries(offline=True)
gc.freeze()  # collections in a child skip these objects, and so copy none of their pages
gc.enable()
