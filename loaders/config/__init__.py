"""What is set: feeds, addresses, places on disk, who may read what lies there."""
