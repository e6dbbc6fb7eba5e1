"""What all tasks share that hear speech and say what was spoken."""
