"""The child process: it loads the model and runs it. Only this package and `models` import torch and transformers."""
