"""How transformers and huggingface_hub behave in our processes: silent, and offline."""

import os
import sys


def silence_libraries(*, offline: bool) -> None:
    """Turn off warnings and progress bars of libraries, and their network access if `offline`.

    With --isolation=none the session's own process stays online, because the next model may need a download.
    """
    settings = {"TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    settings["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.update(settings | ({"HF_HUB_OFFLINE": "1"} if offline else {}))
    if "transformers" in sys.modules:  # imported before this process was forked
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
