"""This machine: device, memory, health, bandwidth, roofline. Nothing here knows a model or a pair."""
