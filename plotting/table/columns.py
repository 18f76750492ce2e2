"""The columns of the CSV files, in their order, and which of them hold whole numbers."""

IDENTITY = ("device", "model", "precision")
CONDITIONS = ("device_kind", "power_mode", "checkpoint", "weights", "revision", "weights_id", "adapter",
              "parameters", "engine", "torch_device", "workload_hash", "new_tokens", "batch_size",
              "photographs", "prompts", "image_tokens", "prompt_tokens", "power_monitor",
              "power_source", "power_scope", "power_rails", "power_method", "power_samples",
              "idle_before_w", "idle_after_w", "uncertainty_kind", "energy_budget",
              "phase_uncertainty", "scope_mismatch", "power_flags", "memory_kind", "memory_method",
              "bandwidth_gb_per_s", "bandwidth_source", "finite_logits", "proved", "decode_check", "throttled",
              "doubts", "driver", "torch", "transformers", "remarks", "save", "datetime")  # fmt: skip
UNMEASURED = (*IDENTITY, "status", "reason", "planned", "attempted", "failed_runs", "weights", "save", "datetime")
WHOLE = ("runs", "failed_runs", "parameters", "new_tokens", "batch_size", "photographs", "prompts", "image_tokens",
         "prompt_tokens", "power_samples", "planned", "attempted")  # fmt: skip
