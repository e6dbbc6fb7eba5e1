"""Many checkpoints, many clips: jobs that are shared out, done once, and kept in one place."""
