"""What a session is going to do: the Plan, what the device is capable of, and the preview of --plan."""
