"""What makes a delivery doubtful as a whole: it is held, with the evidence."""
