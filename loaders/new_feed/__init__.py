"""Make a feed of files without a description: look, guess, report, write."""
