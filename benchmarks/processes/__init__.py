"""The processes of a session: how they start and end, and the messages between parent and child."""
