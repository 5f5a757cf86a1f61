"""Reports on evaluated runs, made of nothing but the files in their folders."""
