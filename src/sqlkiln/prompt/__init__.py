"""Schema to text, question to prompt, completion to SQL."""
