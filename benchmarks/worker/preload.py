"""What a forkserver imports once, so that each child forked from it starts with it.

Never CUDA: a process that has a CUDA context cannot be forked.
"""

import gc

from benchmarks.processes.start_methods import sweep_at_exit
from benchmarks.worker.libraries import silence_libraries

gc.disable()  # what is made here stays, and would be looked through for garbage again and again
silence_libraries(offline=True)

import torch  # noqa: E402, F401
import transformers  # noqa: E402
from transformers import AutoModelForMultimodalLM, AutoProcessor  # noqa: E402, F401

import benchmarks.worker.generation  # noqa: E402, F401
from benchmarks.worker.loading import import_own_models  # noqa: E402

import_own_models()
silence_libraries(offline=True)
sweep_at_exit()
del transformers
gc.freeze()  # no child looks through them again, nor copies their pages by doing so
gc.enable()
