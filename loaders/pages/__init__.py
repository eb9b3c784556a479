"""Pages for readers: figures, pictures and tables of a published version, as HTML."""
