"""What a user asks for, before anything is opened: one table of all that can be named."""
