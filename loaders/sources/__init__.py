"""Where deliveries come from: files, http, S3, PostgreSQL, standard input.

Each kind turns what it is told into offers (`offer.py`); nothing else of it is seen.
"""
