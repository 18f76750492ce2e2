"""How the libraries behave in a process of ours: silent, and offline."""

import os
import sys


def silence_libraries(*, offline: bool) -> None:
    """Keep libraries from chatter and progress bars, and from the network if `offline`.

    A checkpoint is a local directory by now. The meter itself, with --isolation=none, is not taken
    offline: the next model may have to be downloaded.
    """
    settings = {"TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    settings["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.update(settings | ({"HF_HUB_OFFLINE": "1"} if offline else {}))
    if "transformers" in sys.modules:  # imported before this process was forked
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
