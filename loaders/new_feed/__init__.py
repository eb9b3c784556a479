"""Make a feed of files that nobody has described: look, guess, tell, write."""
