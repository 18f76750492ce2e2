"""What this machine is and what it can do: device, memory, health, bandwidth, roofline. No model, no pair."""
