"""What fairseq is asked, task by task."""
