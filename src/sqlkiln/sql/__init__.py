"""SQL without language models: databases, schemas, parsing, comparing."""
