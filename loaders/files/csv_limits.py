"""How large records of a CSV file may be, and the copies that are made of them."""

# Of a record in UTF-8; larger ones are rejected.
MAX_RECORD_BYTES = 16 << 20
# Each costs time and memory, of which a file of so many takes seconds and some 300 MB.
MAX_COLUMNS = 5_000
# Nulls that short records may be padded with, as so many times the bytes of a file.
MAX_PADDING, SMALL_BYTES = 20, 16 << 20
# Of a line in a file of plain ones: as little as keeps DuckDB's buffers small.
MAX_PLAIN_BYTES = 8 << 20
# Of a rejected record; of larger ones the beginning is kept beside its offset.
MAX_REJECT_BYTES = 64 << 20
