"""What every command does the same way: how it ends, what it may write, how it speaks."""
